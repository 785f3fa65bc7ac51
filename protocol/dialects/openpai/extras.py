"""``extras`` of a job: kept and shown in both generations, and decided by nothing on this node."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.media import JsonObject

__all__ = ["extras_not_acted_on"]

_SILENT_PLUGINS = frozenset({"ssh", "teamwise_storage"})
"""Plugins that most clients ask for by themselves, and that jobs do without."""


def extras_not_acted_on(extras: JsonObject) -> Iterator[str]:
    """What its author should know of the extras of a job, contract 5.4."""
    if any(name.lower() == "hivedscheduler" for name in extras):
        yield "hivedScheduler is not used, this node has no such scheduler"
    plugins = extras.get("com.microsoft.pai.runtimeplugin")
    for plugin in plugins if isinstance(plugins, list) else ():
        name = str(plugin.get("plugin", ""))[:100] if isinstance(plugin, dict) else "ssh"
        if name not in _SILENT_PLUGINS:
            yield f"runtime plugin {name} is not used"
    if extras.get("storages"):
        yield "storages are not mounted, this node has none"
