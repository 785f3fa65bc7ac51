"""What a task is shown of the machine: its own, what it needs, and what the settings add."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engines.contract import Launch
from gateway.config import load
from gateway.data_paths import DataPaths
from gateway.runner.run.isolation import Isolation
from tests.support.unprivileged import needs_root


def isolation(folder: Path, **settings: object) -> Isolation:
    """That of a gateway whose data folder is this one."""
    runner = msgspec.structs.replace(load(None, {}).runner, **settings)
    return Isolation(runner, DataPaths.of(folder, {}))


def test_a_run_may_write_what_is_its_own(tmp_path: Path) -> None:
    """Its working directory, results and progress, and what its engine says."""
    run, work = tmp_path / "run", tmp_path / "run" / "work"
    work.mkdir(parents=True)
    script = run / "script.sh"
    launch = Launch(("/usr/bin/bash", str(script)), {}, work, writable=(str(run / "spark"),))
    box = isolation(tmp_path).enclose("shell", launch, run, "ann").sandbox
    assert box is not None
    own = ("work", "results", "progress", "spark")
    assert box.writable == tuple(str(run / name) for name in own)
    assert str(script) in box.read_only
    assert str(run) not in box.read_only
    assert str(tmp_path) in box.hidden
    assert (run / "results").is_dir()
    assert (run / "progress").is_file()
    assert not box.later


def test_paths_of_settings_are_an_engine_s_or_everybody_s(tmp_path: Path) -> None:
    """One engine sees nothing of what another is given."""
    given = isolation(
        tmp_path,
        sandbox_read_only={"all": ("/data",), "spark": ("/opt/spark",)},
        sandbox_writable={"shell": ("/scratch",)},
        network="none",
    )
    shell, spark = (given.session(name, "ann", ()) for name in ("shell", "spark"))
    assert "/data" in shell.read_only
    assert "/opt/spark" not in shell.read_only
    assert {"/data", "/opt/spark"} <= set(spark.read_only)
    assert (shell.writable, spark.writable) == (("/scratch",), ())
    assert shell.network == "none"
    assert shell.later.startswith(str(tmp_path))


def test_the_gateway_s_own_folders_are_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that is not there is replaced; one that the task was given is its own affair."""
    monkeypatch.setenv("HOME", "/home/gateway")
    seen = isolation(tmp_path).environment({"HOME": "/home/gateway", "TMPDIR": "/own", "A": "b"})
    assert seen == {"HOME": "/tmp", "TMPDIR": "/own", "A": "b"}  # noqa: S108 - as it is inside


@needs_root
def test_each_owner_is_a_user_of_their_own(tmp_path: Path) -> None:
    """What belongs to a run belongs to its owner's user; the next run of theirs has the same."""
    made = isolation(tmp_path, isolation="users", user_ids=(1_900_000_000, 10))
    users = []
    for number, owner in enumerate(("ann", "bob@example.org", "ann")):
        run = tmp_path / str(number)
        work = run / "work"
        work.mkdir(parents=True)
        (work / "input").touch()
        script = run / "script.sh"
        script.touch(0o600)
        launch = Launch(("/usr/bin/bash", str(script)), {}, work)
        box = made.enclose("shell", launch, run, owner).sandbox
        assert box is not None
        owned = (work, work / "input", script, run / "results", run / "progress")
        assert {path.stat().st_uid for path in owned} == {box.uid}
        assert run.stat().st_uid == 0
        users.append((box.uid, box.name))
    ann, bob = (1_900_000_000, "ann"), (1_900_000_001, "bob_example.org")
    assert users == [ann, bob, ann]
    session = made.session("python", "ann", (), tmp_path / "0" / "work")
    assert (session.uid, session.name) == ann
