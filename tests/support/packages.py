"""Puts an example of a package where pip would, without a network."""

import shutil
import tomllib
from pathlib import Path

__all__ = ["install"]


def install(example: Path, site: Path) -> None:
    """Copies the modules of an example into a site folder, with the metadata that names its parts.

    ``example`` holds a ``pyproject.toml`` and beside it modules and packages.
    """
    project = tomllib.loads((example / "pyproject.toml").read_text())["project"]
    for part in example.iterdir():
        if part.is_dir():
            shutil.copytree(part, site / part.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif part.suffix == ".py":
            shutil.copy(part, site)
    facts = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = [
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in table.items())
        for group, table in project["entry-points"].items()
    ]
    (facts / "entry_points.txt").write_text("\n".join(points))
