"""The way to the Redis of a data folder: its private server, or the one that the settings name."""

from __future__ import annotations

from gateway.config import Config
from gateway.data_paths import DataPathError, DataPaths
from gateway.stores.node_claim import node_name
from gateway.stores.node_registry import NodeMembership, key_digest
from gateway.stores.redis_access import private_url
from gateway.stores.redis_client import RedisClient

__all__ = ["membership", "own_redis"]


def own_redis(config: Config, paths: DataPaths) -> RedisClient:
    """A client that is not yet connected.

    A server of the settings may be anybody's, so that it is used only if no other node works there,
    or if this one is among those that do. The private one has its data in this folder.

    Raises:
        DataPathError: the data folder takes no file.
    """
    redis = config.redis
    member = membership(config, paths)
    try:
        node = node_name(paths.node) if redis.url and member is None else ""
    except OSError as error:
        raise DataPathError(f"cannot use {paths.node}: {error.strerror}") from error
    return RedisClient(
        redis.url or private_url(paths.redis, paths.redis_socket),
        timeout=redis.timeout_seconds,
        calls=redis.calls,
        node=node,
        member=member,
    )


def membership(config: Config, paths: DataPaths) -> NodeMembership | None:
    """This node among several; None if it is alone.

    Raises:
        DataPathError: its id or its keys cannot be read.
    """
    node = config.node
    if not node.name:
        return None
    try:
        more = (paths.login_key,) if config.auth.encrypt_logins else ()
        digest = key_digest(paths.token_key, *more)
        return NodeMembership(node.name, node_name(paths.node), node.address, digest)
    except OSError as error:
        raise DataPathError(f"cannot use {error.filename}: {error.strerror}") from error
