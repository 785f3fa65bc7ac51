"""What becomes of jobs that ask for what this node has not: the settings of both dialects.

Contract 5.4. Whatever they say, nothing is pretended: what is used in place of what was asked for
is told in an event of the job and on the first line of each task's stderr.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SETTINGS", "NodeRules", "node_rules"]

SETTINGS = ("images", "gpu", "environments", "code_root", "hdfs")
"""The names of the settings that are read here."""
_WORDS = {
    "images": ("ignore", "reject", "map"),
    "gpu": ("fail", "ignore"),
    "hdfs": ("ignore", "reject"),
}


@dataclass(frozen=True, slots=True)
class NodeRules:
    """The settings.

    ``images``: ignore, reject, or map to a local environment of ``environments``, which has a
    folder for each image. ``gpu``: fail or ignore. ``code_root`` is the folder below which code
    folders may lie that are copied to each task; empty copies none. ``hdfs``: ignore or reject.
    """

    images: str = "ignore"
    gpu: str = "fail"
    environments: Mapping[str, str] = field(default_factory=dict)
    code_root: str = ""
    hdfs: str = "ignore"

    def local_code(self, directory: str) -> str:
        """The folder that a code directory means, empty if it is none that may be copied."""
        path = directory.removeprefix("file://")
        if not self.code_root or not path.startswith("/") or "\0" in path:
            return ""
        path, root = posixpath.normpath(path), posixpath.normpath(self.code_root)
        return path if path.startswith(f"{root}/") else ""


def node_rules(name: str, settings: Mapping[str, object]) -> NodeRules:
    """The rules that the settings of a dialect state.

    Raises:
        ValueError: a setting is none of what it may be.
    """
    defaults = NodeRules()
    found: dict[str, str] = {}
    for key in ("images", "gpu", "code_root", "hdfs"):
        value = settings.get(key, getattr(defaults, key))
        if not isinstance(value, str):
            raise ValueError(f"{name}.{key} must be a text")  # noqa: TRY004 - a setting
        if value not in _WORDS.get(key, (value,)):
            raise ValueError(f"{name}.{key} must be one of {', '.join(_WORDS[key])}")
        found[key] = value
    if found["code_root"] and not found["code_root"].startswith("/"):
        raise ValueError(f"{name}.code_root must be an absolute path")
    return NodeRules(environments=_environments(name, settings), **found)


def _environments(name: str, settings: Mapping[str, object]) -> Mapping[str, str]:
    table = settings.get("environments", {})
    if not isinstance(table, dict):
        raise ValueError(f"{name}.environments must be a table")  # noqa: TRY004 - a setting
    for folder in table.values():
        if not isinstance(folder, str) or not folder.startswith("/"):
            raise ValueError(f"{name}.environments must hold a folder for each image")
    return table
