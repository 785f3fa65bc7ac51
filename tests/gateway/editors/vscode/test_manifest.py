"""What the extension says of itself is so, and what it is built from is pinned."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gateway.version import __version__
from tests.support.lock_files import loose_ends
from tests.support.vscode_extension import EXTENSION, ROOT

PACKAGE: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text("utf-8"))
SOURCES = {path: path.read_text("utf-8") for path in (EXTENSION / "src").rglob("*.ts")}
PAGES = (ROOT / "gateway" / "docs" / "vscode.md", EXTENSION / "README.md")


def test_every_command_is_carried_out_and_no_other() -> None:
    """The commands that are offered are those that the code registers, and menus name no other."""
    offered = {each["command"] for each in PACKAGE["contributes"]["commands"]}
    code = SOURCES[EXTENSION / "src" / "extension.ts"]
    assert set(re.findall(r'^    "(narthex\.\w+)":', code, re.MULTILINE)) == offered
    placed = [row for rows in PACKAGE["contributes"]["menus"].values() for row in rows]
    placed += PACKAGE["contributes"]["keybindings"]
    assert {row["command"] for row in placed} <= offered


def test_every_setting_is_read_and_documented() -> None:
    """A setting that is offered does something, and both pages name it."""
    settings = PACKAGE["contributes"]["configuration"]["properties"]
    code = "\n".join(SOURCES.values())
    for name in settings:
        assert f'"{name.removeprefix("narthex.")}"' in code, name
        for page in PAGES:
            assert f"`{name}`" in page.read_text("utf-8"), (name, page.name)
    assert settings["narthex.address"]["scope"] == "machine"


def test_what_it_is_built_from_is_pinned() -> None:
    """The lock file has each package with its hash, and says of none where it comes from."""
    assert loose_ends(EXTENSION) == []
    assert "dependencies" not in PACKAGE


def test_it_has_the_version_and_the_license_of_the_gateway() -> None:
    """The version is the gateway's, in its changelog too, and so is the license."""
    assert PACKAGE["version"] == __version__
    assert f"\n## {__version__}\n" in (EXTENSION / "CHANGELOG.md").read_text("utf-8")
    assert (EXTENSION / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_logic_knows_no_editor() -> None:
    """Only what stands below ``workbench`` and the way in use the editor: the rest is tested."""
    workbench = EXTENSION / "src" / "workbench"
    for path, text in SOURCES.items():
        bound = path.parent == workbench or path.name == "extension.ts"
        assert ('from "vscode"' in text) <= bound, path.name


def test_nothing_becomes_markup() -> None:
    """No module uses what reads text as markup or as code, or shows trusted Markdown."""
    for path, text in SOURCES.items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\(|new Function"
            r"|MarkdownString|isTrusted: true",
            text,
        ), path.name


def test_modules_are_small() -> None:
    """No module passes 250 lines, nor a line 130 characters."""
    for path, text in SOURCES.items():
        lines = text.splitlines()
        assert len(lines) <= 250, path.name
        assert max(map(len, lines)) <= 130, path.name


def test_what_is_built_stays_out_of_the_repository() -> None:
    """Packages, compiled modules and the package of the extension are ignored."""
    ignored = Path(EXTENSION / ".gitignore").read_text().split()
    assert ignored == ["node_modules/", "out/", "*.vsix"]
