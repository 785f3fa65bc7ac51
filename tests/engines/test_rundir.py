"""The run directory: accepted all or nothing, facts written once, state a function of them."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

from engines.facts import Started, encode
from engines.rundir import Claimed, Exit, ExitKind, KillWish, RunDir, RunState, ShimFact


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool without runs."""
    for name in ("new", "live", "requests"):
        (tmp_path / name).mkdir()
    return tmp_path


def create(spool: Path, run_id: str, spec: bytes = b"spec", claim: str = "") -> RunDir:
    """An accepted run, claimed if asked for."""
    path = spool / "requests" / claim if claim else None
    return RunDir.create(spool / "new", spool / "live", run_id, spec, path)


def test_an_accepted_run_is_whole_and_alone(spool: Path) -> None:
    """Its directory holds the spec for its owner only, and nothing is left in the making."""
    run = create(spool, "a", b"\0bytes")
    assert (run.run_id, run.spec(), run.state()) == ("a", b"\0bytes", RunState.ACCEPTED)
    assert Path(run.path).stat().st_mode & 0o777 == 0o700
    assert Path(run.file("spec")).stat().st_mode & 0o777 == 0o600
    assert list((spool / "new").iterdir()) == []


def test_an_id_is_taken_once(spool: Path) -> None:
    """A second run of the same id is refused, and leaves neither directory nor claim."""
    create(spool, "a")
    with pytest.raises(FileExistsError):
        create(spool, "a", claim="request")
    assert list((spool / "new").iterdir()) == []
    assert list((spool / "requests").iterdir()) == []


def test_the_first_claim_wins(spool: Path) -> None:
    """Who comes second is told whose spec it is, and leaves nothing."""
    create(spool, "a", b"first", "request")
    with pytest.raises(Claimed) as caught:
        create(spool, "b", b"second", "request")
    assert Path(caught.value.claim).read_bytes() == b"first"
    assert [path.name for path in (spool / "live").iterdir()] == ["a"]
    assert list((spool / "new").iterdir()) == []


def test_of_many_claims_at_once_one_goes_through(spool: Path) -> None:
    """Concurrent accepts of one request make one run."""
    made: list[str] = []

    def accept(name: str) -> None:
        with contextlib.suppress(Claimed):
            made.append(create(spool, name, name.encode(), "request").run_id)

    threads = [threading.Thread(target=accept, args=(f"run{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert (spool / "requests" / "request").read_bytes() == made[0].encode()


def test_what_a_crash_left_is_finished_or_removed(spool: Path) -> None:
    """A claimed run becomes live; one that was never claimed goes; young ones are left alone."""
    for name in ("claimed.aa", "loose.bb", "empty.cc"):
        (spool / "new" / name).mkdir()
    for name in ("claimed.aa", "loose.bb"):
        (spool / "new" / name / "spec").write_bytes(name.encode())
    os.link(spool / "new" / "claimed.aa" / "spec", spool / "requests" / "request")
    assert RunDir.adopt_new(spool / "new", spool / "live", age_seconds=3600) == []
    assert RunDir.adopt_new(spool / "new", spool / "live", run_id="other") == []
    assert len(list((spool / "new").iterdir())) == 3
    assert RunDir.adopt_new(spool / "new", spool / "live") == ["claimed"]
    assert list((spool / "new").iterdir()) == []
    assert RunDir(spool / "live" / "claimed").state() == RunState.ACCEPTED


def test_an_unknown_run_has_no_state(spool: Path) -> None:
    """A directory that is not there is an error, not a state."""
    with pytest.raises(FileNotFoundError):
        RunDir(spool / "live" / "none").state()


@pytest.mark.parametrize(
    ("facts", "held", "state"),
    [
        ((), False, RunState.ACCEPTED),
        (("kill",), False, RunState.ACCEPTED),
        ((), True, RunState.STARTING),
        (("shim",), True, RunState.STARTING),
        (("shim", "started"), True, RunState.RUNNING),
        (("shim", "kill"), True, RunState.KILLING),
        (("shim", "started", "kill"), True, RunState.KILLING),
        (("shim",), False, RunState.ORPHANED),
        (("shim", "started", "kill"), False, RunState.ORPHANED),
        (("shim", "started", "exit"), True, RunState.ENDED),
        (("exit",), False, RunState.ENDED),
    ],
)
def test_the_state_is_a_function_of_the_facts(
    spool: Path, facts: tuple[str, ...], *, held: bool, state: RunState
) -> None:
    """Each row of the table of facts gives its state."""
    run = create(spool, "a")
    for name in facts:
        Path(run.file(name)).write_bytes(b"{}")
    lock = run.take() if held else None
    assert run.state() == state
    if lock is not None:
        os.close(lock)


def test_an_ending_is_written_once(spool: Path) -> None:
    """The first of two writers wins, and what it wrote stays as it was."""
    run = create(spool, "a")
    first = Exit(ExitKind.EXITED, 3, None, "ended", "", 1, 2, 0.5, 10, 11, 12, verified=False)
    assert run.exit() is None
    assert run.write_exit(first)
    assert not run.write_exit(Exit(ExitKind.LOST))
    assert run.exit() == first
    assert not any(path.name.startswith(".") for path in Path(run.path).iterdir())


def test_of_many_endings_at_once_one_counts(spool: Path) -> None:
    """Concurrent writers agree on who won."""
    run = create(spool, "a")
    won: list[int] = []

    def write(code: int) -> None:
        if run.write_exit(Exit(ExitKind.EXITED, code)):
            won.append(code)

    threads = [threading.Thread(target=write, args=(code,)) for code in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ending = run.exit()
    assert ending is not None
    assert won == [ending.exit_code]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[]", b"{}", b'{"kind": "other"}', b"\xff"])
def test_unreadable_facts_are_never_guessed(spool: Path, data: bytes) -> None:
    """A broken ending is lost, a broken wish is a wish, a broken shim was one of no known boot."""
    run = create(spool, "a")
    for name in ("exit", "kill", "shim", "started"):
        Path(run.file(name)).write_bytes(data)
    ending = run.exit()
    assert ending is not None
    assert (ending.kind, ending.reason) == (ExitKind.LOST, "exit_unreadable")
    assert run.kill_wish(7.0) == KillWish(7.0, 0)
    shim = run.shim()
    assert shim is not None
    assert (shim.pid, shim.boot_id) == (0, "")
    assert run.started() == Started(0, 0)


def test_facts_of_a_newer_version_are_read(spool: Path) -> None:
    """Members that this version does not know are passed over."""
    run = create(spool, "a")
    Path(run.file("exit")).write_bytes(b'{"kind": "exited", "exit_code": 0, "new": [1]}')
    assert run.exit() == Exit(ExitKind.EXITED, 0)


def test_the_first_wish_to_kill_counts(spool: Path) -> None:
    """A second wish is told that there was one; a negative grace is none."""
    run = create(spool, "a")
    assert run.kill_wish() is None
    assert run.wish_kill(-1)
    assert not run.wish_kill(60)
    wish = run.kill_wish()
    assert wish is not None
    assert wish.grace_seconds == 0


def test_a_ring_is_heard_whatever_the_length_of_the_path(spool: Path) -> None:
    """The control socket is reached below a directory that is too deep for a socket's name."""
    deep = spool.joinpath(*["directory" * 5] * 4)
    (deep / "new").mkdir(parents=True)
    (deep / "live").mkdir()
    run = RunDir.create(deep / "new", deep / "live", "a", b"")
    run.ring()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        directory = os.open(run.path, os.O_PATH)
        control.bind(f"/proc/self/fd/{directory}/ctl")
        os.close(directory)
        control.settimeout(5)
        run.ring()
        assert control.recv(10) == b"k"
    run.ring()
    RunDir(spool / "none").ring()


def test_facts_of_the_shim_come_back(spool: Path) -> None:
    """What the shim says about itself is read as it was written; no output is size 0."""
    run = create(spool, "a")
    fact = ShimFact(1, 2, "boot", "/group")
    run.write("shim", encode(fact), durable=True)
    run.write("started", encode(Started(3, 4)), durable=False)
    assert run.shim() == fact
    assert run.started() == Started(3, 4)
    assert run.output_size() == 0


def test_a_failed_write_leaves_nothing(spool: Path) -> None:
    """A fact that cannot be put into place leaves no temporary file behind."""
    run = create(spool, "a")
    Path(run.file("started")).mkdir()
    with pytest.raises(OSError, match="directory"):
        run.write("started", b"", durable=False)
    assert sorted(path.name for path in Path(run.path).iterdir()) == ["spec", "started"]
