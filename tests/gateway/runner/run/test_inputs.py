"""What a task finds when it starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.runner.run.inputs import environment, place
from gateway.stores.objects import Objects
from protocol.errors import GatewayError, Kind
from protocol.tasks import FileInput


def stored(objects: Objects, owner: str, name: str, data: bytes) -> str:
    """Stores one file and returns its id."""
    part = objects.open_part(owner)
    part.name = name
    part.write(data)
    (made,) = objects.commit(owner, (part,), 1)
    os.close(part.descriptor)
    return made.id


def test_inputs_are_placed_under_their_names(tmp_path: Path) -> None:
    """Each input is a copy with its mode, its alias and its place in a variable."""
    objects = Objects(tmp_path / "objects")
    tool = stored(objects, "ada", "tool.sh", b"#!/bin/sh\n")
    table = stored(objects, "ada", "table.csv", b"1,2\n")
    work = tmp_path / "work"
    work.mkdir()
    variables = place(
        objects,
        "ada",
        (
            FileInput(tool, executable=True, alias="binary", variable="JOB_BINARY"),
            FileInput(table, variable="JOB_INPUT_FILES"),
            FileInput(table, variable="JOB_INPUT_FILES"),
            FileInput(table),
        ),
        work,
    )
    assert variables == {
        "JOB_BINARY": "./tool.sh",
        "JOB_INPUT_FILES": "./table.csv\n./table.csv.1",
    }
    assert (work / "binary").read_bytes() == b"#!/bin/sh\n"
    assert (work / "tool.sh").stat().st_mode & 0o777 == 0o755
    assert (work / "table.csv.2").stat().st_mode & 0o777 == 0o444
    assert (work / "table.csv.1").read_bytes() == b"1,2\n"
    assert (work / "table.csv").stat().st_ino != objects.path("ada", table).stat().st_ino


def test_a_foreign_input_does_not_exist(tmp_path: Path) -> None:
    """Somebody else's object is answered like one that never was."""
    objects = Objects(tmp_path / "objects")
    theirs = stored(objects, "ben", "table.csv", b"1\n")
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(GatewayError) as caught:
        place(objects, "ada", (FileInput(theirs),), work)
    assert caught.value.kind is Kind.NOT_FOUND
    assert not list(work.iterdir())


def test_only_allowed_names_reach_a_run() -> None:
    """Of the gateway's own environment a run sees the allow-list, of the client's everything."""
    own = {"PATH": "/bin", "AWS_SECRET": "s", "LANG": "C"}
    made = environment(("PATH", "LANG", "TZ"), own, {"COLOUR": "red"}, {"LANG": "de"})
    assert made == {"PATH": "/bin", "LANG": "de", "COLOUR": "red"}


@pytest.mark.parametrize(
    ("name", "value"), [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0y"), ("A", "\ud800")]
)
def test_an_impossible_variable_is_refused(name: str, value: str) -> None:
    """What no process can be given is found before the start."""
    with pytest.raises(GatewayError) as caught:
        environment((), {}, {name: value})
    assert caught.value.kind is Kind.INVALID
