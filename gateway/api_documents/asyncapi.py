"""The AsyncAPI 3 document: what goes over the websockets of the mounted dialects.

A message is known by its ``method``: a call is answered under the method that it had, and what
comes unasked has one of its own. The rows of the dialect's table are the calls; what its package
says are the messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.api_documents.descriptions import messages_of
from gateway.plugins import Mount
from gateway.version import __version__
from protocol.dialect import WebSocketDialect

__all__ = ["asyncapi"]


def asyncapi(mounts: Sequence[Mount], host: str) -> dict[str, Any]:
    """The document of what is mounted, for clients that reach it at ``host`` (name and port)."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for mount in mounts:
        said = messages_of(mount.dialect)
        if said is None or not isinstance(mount.dialect, WebSocketDialect):
            continue
        messages.update(said["messages"])
        schemas.update(said.get("schemas", {}))
        for address in mount.dialect.sockets:
            _channel(mount, said, address, channels, operations)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Narthex", "version": __version__},
        "servers": {"gateway": {"host": host, "protocol": "ws"}},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(
    mount: Mount,
    said: Mapping[str, Any],
    address: str,
    channels: dict[str, Any],
    operations: dict[str, Any],
) -> None:
    """Adds the path at which a websocket opens, and what may be sent there in each direction."""
    name = mount.dialect.name + "".join(
        word.strip("{}").title() for word in address.replace("_", "/").split("/") if word
    )
    parts = [word.strip("{}") for word in address.split("/") if word.startswith("{")]
    channels[name] = {
        "address": mount.prefix + address,
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in said["messages"]},
        **({"parameters": {part: {} for part in parts}} if parts else {}),
    }
    for action, kinds in (("send", said["sent"]), ("receive", said["received"])):
        operations[f"{action}{name}"] = {
            # The document is the gateway's: it receives what clients send.
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [{"$ref": f"#/channels/{name}/messages/{kind}"} for kind in kinds],
        }
