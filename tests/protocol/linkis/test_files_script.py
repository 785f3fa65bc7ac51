"""Scripts that are run by their path: contract, section 3.2."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from protocol.commands.files import (
    ReadFile,
)
from protocol.commands.tasks import Execute
from protocol.dialects.linkis.files_script import SubmitAfter
from protocol.dialects.linkis.scripts import configured, taken_apart
from protocol.errors import GatewayError
from protocol.files import FileContent, FileEntry, FilePath
from tests.protocol.linkis.scenes import ROOT, request


@pytest.mark.parametrize(
    "body",
    [
        {"executeApplicationName": "shell", "runType": "shell", "scriptPath": "/a.sh"},
        {"data": {
            "executeApplicationName": "shell",
            "runType": "shell",
            "source": {"scriptPath": "/a.sh"},
        }},
        {
            "executionContent": {"runType": "shell"},
            "labels": {"engineType": "shell"},
            "source": {"scriptPath": "/a.sh"},
        },
    ],
)  # fmt: skip
def test_section_3_2_a_script_that_is_named(body: object) -> None:
    """Without code the script of that path is what runs, treated like code that came along."""
    found, asked = request("POST", f"{ROOT}/entrance/execute", {}, body)
    command = found.route.parse(asked)
    assert isinstance(command, SubmitAfter)
    assert command.first == ReadFile(FilePath("", ("a.sh",)))
    assert (command.execute.code, command.execute.client["scriptPath"]) == ("/a.sh", "/a.sh")
    made = command.next(content("\ufeff#@set x=1\necho x=1"))
    assert isinstance(made, Execute)
    assert made == replace(command.execute, code="\necho x=1")
    filled = command.next(content("#@set x=1\necho ${x}"))
    assert isinstance(filled, SubmitAfter)
    made = filled.next({})
    assert isinstance(made, Execute)
    assert made.code.strip() == "echo 1"
    with pytest.raises(GatewayError):
        command.next(content("  "))


def content(text: str) -> FileContent:
    """A script as it was read."""
    path, data = FilePath("ann", ("a.sh",)), text.encode()
    entry = FileEntry(path, folder=False, size=len(data), modified_ms=0)
    return FileContent(entry, data)


def test_section_3_2_code_counts_before_a_script() -> None:
    """A script's path beside its code is only a name."""
    body = {
        "executeApplicationName": "shell",
        "runType": "shell",
        "executionCode": "true",
        "scriptPath": "no path",
    }
    found, asked = request("POST", f"{ROOT}/entrance/execute", {}, body)
    assert isinstance(found.route.parse(asked), Execute)


def test_section_3_2_the_configuration_of_a_script_holds() -> None:
    """What was saved with a script counts where the request says nothing else."""
    saved = {"runtime": {"a": "1", "b": "1"}, "special": {"c": "1"}}
    body = {
        "executeApplicationName": "shell",
        "runType": "shell",
        "scriptPath": "/a.sh",
        "params": {"configuration": {"runtime": {"b": "2"}, "startup": {"d": "2"}}},
    }
    found, asked = request("POST", f"{ROOT}/entrance/execute", {}, body)
    command = found.route.parse(asked)
    assert isinstance(command, SubmitAfter)
    made = command.next(
        content(f"#@set x=1\n#@conf {json.dumps(saved)}\necho one\n# @conf is this")
    )
    assert isinstance(made, Execute)
    assert made.parameters == {"a": "1", "b": "2", "c": "1", "d": "2"}
    assert made.code == "\n\necho one\n# @conf is this"
    del body["params"]
    found, asked = request("POST", f"{ROOT}/entrance/execute", {}, body)
    command = found.route.parse(asked)
    assert isinstance(command, SubmitAfter)
    made = command.next(content(f"#@conf {json.dumps(saved)}\necho one"))
    assert isinstance(made, Execute)
    assert made.parameters == {"a": "1", "b": "1", "c": "1"}


def _seconds(text: str) -> float:
    began = time.perf_counter()
    taken_apart(text)
    configured(text)
    return time.perf_counter() - began


def test_a_script_of_variables_is_read_line_by_line() -> None:
    """Row D2: eight times as many lines take about eight times as long, and not sixty-four."""
    line = "--@set a=b\n"
    small = min(_seconds(line * 5_000) for _ in range(5))
    large = min(_seconds(line * 40_000) for _ in range(3))
    assert large < 25 * small + 0.05
