"""The way to the Redis of a data folder: its private server, or the one that the settings name."""

from __future__ import annotations

from gateway.config import Config
from gateway.data_paths import DataPathError, DataPaths
from gateway.stores.node_claim import node_name
from gateway.stores.redis_access import private_url
from gateway.stores.redis_client import RedisClient

__all__ = ["own_redis"]


def own_redis(config: Config, paths: DataPaths) -> RedisClient:
    """A client that is not yet connected.

    A server of the settings may be anybody's, so that it is used only if no other node works there.
    The private one has its data in this folder.

    Raises:
        DataPathError: the data folder takes no file.
    """
    redis = config.redis
    try:
        node = node_name(paths.node) if redis.url else ""
    except OSError as error:
        raise DataPathError(f"cannot use {paths.node}: {error.strerror}") from error
    return RedisClient(
        redis.url or private_url(paths.redis, paths.redis_socket),
        timeout=redis.timeout_seconds,
        calls=redis.calls,
        node=node,
    )
