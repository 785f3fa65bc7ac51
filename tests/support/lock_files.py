"""Lock files of npm, as they stand in the repository."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["loose_ends"]


def loose_ends(folder: Path) -> list[str]:
    """What is not pinned by hash, says where it comes from, or differs from what is asked for."""
    package = json.loads((folder / "package.json").read_text("utf-8"))
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    found = [] if lock.pop("")["version"] == package["version"] else ["another version"]
    for name, each in lock.items():
        if not each.get("integrity", "").startswith("sha512-") or "resolved" in each:
            found.append(name)
    for name, version in package["devDependencies"].items():
        if lock[f"node_modules/{name}"]["version"] != version:
            found.append(name)
    if "omit-lockfile-registry-resolved=true" not in (folder / ".npmrc").read_text("utf-8"):
        found.append("the next lock file")
    return found
