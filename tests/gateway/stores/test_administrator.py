"""The first administrator, as the file of users says it."""

from pathlib import Path

import pytest

from gateway.data_paths import DataPaths
from gateway.stores.administrator import first_administrator
from gateway.stores.directory import Directory
from protocol.directory import ADMIN_GROUP


async def test_the_first_by_name_of_those_who_are_one(tmp_path: Path) -> None:
    """Also through another group that makes administrators; nobody else counts."""
    paths = DataPaths.of(tmp_path)
    paths.prepare()
    directory = Directory.of(paths)
    for name, groups in (("zoe", (ADMIN_GROUP,)), ("ann", ())):
        await directory.add(name, "long password", 1, groups=groups)
    assert first_administrator(paths.directory) == "zoe"


@pytest.mark.parametrize("text", ["", "[]", '{"users": {"a": 1}, "groups": {}}', '{"users": {}}'])
def test_what_is_not_plain_is_nobody(tmp_path: Path, text: str) -> None:
    """Another form of the file is left to who knows all of them."""
    path = tmp_path / "directory.json"
    path.write_text(text)
    assert first_administrator(path) == ""
    assert first_administrator(tmp_path / "none") == ""
