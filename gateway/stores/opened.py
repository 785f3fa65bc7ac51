"""All stores of one gateway process, opened together and closed together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.config import Config
from gateway.data_paths import DataPaths
from gateway.stores.control import ControlFiles, ControlStore
from gateway.stores.delivery import DeliveryStore
from gateway.stores.directory import Directory
from gateway.stores.groups import GroupStore
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.kills import KillFiles
from gateway.stores.known_addresses import KnownAddresses
from gateway.stores.logs import LogStore
from gateway.stores.objects import ObjectLimits, Objects
from gateway.stores.occupancy import OccupancyStore
from gateway.stores.own_redis import own_redis
from gateway.stores.partials import PartialStore
from gateway.stores.pool import PoolFile
from gateway.stores.queue import TaskQueue
from gateway.stores.queues import QueueFile
from gateway.stores.redis_client import RedisClient
from gateway.stores.results import ResultStore
from gateway.stores.revocations import Revocations
from gateway.stores.sessions import SessionStore
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from gateway.stores.tokens import TokenRecords
from gateway.stores.user_files import FolderLimits, UserFiles
from gateway.stores.variables import Variables

__all__ = ["Stores", "opened"]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where everything is kept: in Redis, in the spool, and in the other folders of the data."""

    redis: RedisClient
    tasks: TaskStore
    lease: IndexLeaseStore
    queue: TaskQueue
    logs: LogStore
    delivery: DeliveryStore
    partials: PartialStore
    spool: Spool
    objects: Objects
    results: ResultStore
    kills: KillFiles
    control_files: ControlFiles
    controls: ControlStore
    sessions: SessionStore
    files: UserFiles
    variables: Variables
    directory: Directory
    revocations: Revocations
    addresses: KnownAddresses
    queues: QueueFile
    pool: PoolFile
    occupancy: OccupancyStore
    groups: GroupStore
    tokens: TokenRecords


@contextlib.asynccontextmanager
async def opened(config: Config, paths: DataPaths) -> AsyncIterator[Stores]:
    """The stores for the length of the block."""
    redis = own_redis(config, paths)
    spool = Spool(paths.spool)
    results = ResultStore(spool.find)
    control_files = ControlFiles(spool.find)
    try:
        yield Stores(
            redis=redis,
            tasks=TaskStore(redis, tombstone_seconds=config.retention.tombstone_seconds),
            lease=IndexLeaseStore(redis),
            queue=TaskQueue(redis, weights=config.runner.weights),
            logs=LogStore(redis, hot_bytes=config.retention.hot_bytes),
            delivery=DeliveryStore(redis),
            partials=PartialStore(redis),
            spool=spool,
            objects=Objects(paths.objects, _object_limits(config)),
            results=results,
            kills=KillFiles(spool.find),
            control_files=control_files,
            controls=ControlStore(redis, tombstone_seconds=config.retention.tombstone_seconds),
            sessions=SessionStore(paths.spool, paths.sessions),
            files=UserFiles(paths.files, FolderLimits.of(config)),
            variables=Variables(paths.variables),
            directory=Directory.of(paths),
            revocations=Revocations(paths.revoked),
            addresses=KnownAddresses(paths.addresses),
            queues=QueueFile(paths.queues),
            pool=PoolFile(paths.pool, config.runner),
            occupancy=OccupancyStore(redis),
            groups=GroupStore(paths.groups),
            tokens=TokenRecords(paths.tokens),
        )
    finally:
        results.close()
        control_files.close()
        spool.close()
        await redis.close()


def _object_limits(config: Config) -> ObjectLimits:
    return ObjectLimits(
        max_bytes=config.limits.upload_bytes,
        quota_bytes=config.objects.quota_bytes,
        max_parts=config.objects.parts,
    )
