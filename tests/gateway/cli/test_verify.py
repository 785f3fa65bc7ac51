"""``narthex doctor --verify``: what is kept of finished runs is what was recorded, or is named."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pytest

from engines.rundir.archive import ARCHIVE
from engines.rundir.directory import EXIT, OUTPUT, SPEC, RunDir
from engines.rundir.facts import Exit, ExitKind
from engines.rundir.sealing import Seal
from gateway.data_paths import DataPaths
from gateway.stores.run_folders import day_of
from gateway.stores.spec import encode_spec
from tests.gateway.cli.command import narthex
from tests.gateway.runner.rig import record, spec_of

LINES = b"".join(b"line %d\n" % number for number in range(20_000))


def finished(data: Path, number: int, *, sealed: bool = False) -> RunDir:
    """A finished run with an output, as it lies among the done ones."""
    spec = spec_of(number)
    path = DataPaths.of(data, {}).spool / "done" / day_of(spec.task_id) / spec.task_id
    path.mkdir(parents=True)
    run = RunDir(path)
    run.write(SPEC, encode_spec(spec), durable=False)
    record(run, LINES)
    whole = Path(run.file(OUTPUT)).read_bytes()
    run.write_exit(
        Exit(ExitKind.EXITED, 0, ended_ms=1, bytes=len(whole), checksum=zlib.crc32(whole))
    )
    if sealed:
        sealing = Seal(run)
        while sealing.step():
            pass
        sealing.close()
        assert Path(run.file(ARCHIVE)).exists()
    return run


def flip(path: str) -> None:
    """Changes one byte in the middle of a file."""
    file = Path(path)
    file.chmod(0o600)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x40
    file.write_bytes(data)


def verified(data: Path, code: int) -> dict[str, object]:
    """What the command says to a program."""
    said = json.loads(narthex("doctor", "--verify", "--json", "--data-dir", data, code=code).stdout)
    assert isinstance(said, dict)
    return said


def test_sound_runs_are_counted(tmp_path: Path) -> None:
    """Outputs and archives that are whole are so many and so long, and the exit code is 0."""
    assert verified(tmp_path, 0) == {
        "type": "verified",
        "ok": True,
        "runs": 0,
        "bytes": 0,
        "bad": [],
    }
    runs = [finished(tmp_path, 1), finished(tmp_path, 2, sealed=True)]
    size = Path(runs[0].file(OUTPUT)).stat().st_size
    assert verified(tmp_path, 0) == {
        "type": "verified",
        "ok": True,
        "runs": 2,
        "bytes": 2 * size,
        "bad": [],
    }
    said = narthex("doctor", "--verify", "--data-dir", tmp_path).stdout
    assert said == f"2 finished runs with {2 * size} bytes of output: all sound\n"


@pytest.mark.parametrize(
    ("sealed", "harm", "reason"),
    [
        (False, lambda run: flip(run.file(OUTPUT)), "checksum"),
        (False, lambda run: os.truncate(run.file(OUTPUT), 100), "has 100 bytes and not"),
        (False, lambda run: Path(run.file(OUTPUT)).unlink(), "is missing"),
        (True, lambda run: flip(run.file(ARCHIVE)), "archive is damaged"),
        (True, lambda run: Path(run.file(ARCHIVE)).unlink(), "is missing"),
        (False, lambda run: Path(run.file(EXIT)).write_bytes(b"{"), "ending cannot be read"),
        (False, lambda run: Path(run.file(SPEC)).write_bytes(b"?"), "spec nobody can read"),
    ],
)
def test_a_bad_run_is_named(*, sealed: bool, harm: object, reason: str, tmp_path: Path) -> None:
    """Whatever was done to it, the run is named with a reason and the exit code is 1."""
    assert callable(harm)
    finished(tmp_path, 1)
    bad = finished(tmp_path, 2, sealed=sealed)
    harm(bad)
    said = verified(tmp_path, 1)
    assert said["runs"] == 2
    (found,) = said["bad"] if isinstance(said["bad"], list) else [{}]
    assert found["run"] == bad.run_id
    assert reason in found["reason"]


def test_people_are_told_line_by_line(tmp_path: Path) -> None:
    """Each bad run has a line, and the last one says how many there are."""
    bad = finished(tmp_path, 1)
    Path(bad.file(OUTPUT)).unlink()
    lines = narthex("doctor", "--verify", "--data-dir", tmp_path, code=1).stdout.splitlines()
    assert lines[0].startswith(f"{bad.run_id}: the output of ")
    assert lines[1].endswith("1 of them bad")
