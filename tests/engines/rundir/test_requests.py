"""What is asked of a run is a line that lasts, and what holds follows from the lines alone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from engines.rundir.creation import create_run
from engines.rundir.directory import EVENTS, RunDir
from engines.rundir.requests import (
    Control,
    RunEvent,
    TooManyEvents,
    add_events,
    control_of,
    encode_event,
    note_event,
    read_control,
    read_events,
    request,
)

HOLD = RunEvent("hold", 1, "ada")
RESUME = RunEvent("resume", 2, "ada")
SUSPEND = RunEvent("suspend", 3, "ada")


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """An accepted run."""
    for name in ("new", "live"):
        (tmp_path / name).mkdir()
    return create_run(tmp_path / "new", tmp_path / "live", "one", b"spec")


@pytest.mark.parametrize(
    ("events", "held", "suspended", "seconds", "tags"),
    [
        ((), False, False, None, ()),
        ((HOLD,), True, False, None, ()),
        ((HOLD, RESUME), False, False, None, ()),
        ((SUSPEND,), False, True, None, ()),
        ((SUSPEND, RunEvent("suspended", 4)), False, True, None, ()),
        ((SUSPEND, RunEvent("not_suspended", 4)), False, False, None, ()),
        ((SUSPEND, RESUME, RunEvent("resumed", 4)), False, False, None, ()),
        ((RunEvent("limit", 1, seconds=5.0), RunEvent("limit", 2)), False, False, 0.0, ()),
        (
            (RunEvent("tag", 1, tags=("a", "b")), RunEvent("tag", 2, tags=("c",), removed=("a",))),
            False,
            False,
            None,
            ("b", "c"),
        ),
        ((RunEvent("of a later version", 1),), False, False, None, ()),
    ],
)
def test_what_holds_follows_from_the_lines(
    events: tuple[RunEvent, ...],
    held: bool,  # noqa: FBT001 - a column of the table
    suspended: bool,  # noqa: FBT001 - a column of the table
    seconds: float | None,
    tags: tuple[str, ...],
) -> None:
    """The last word on each thing counts."""
    assert control_of(events, 9) == Control(held, suspended, seconds, tags, 9)


def test_a_run_of_which_nothing_was_asked_has_no_file(run: RunDir) -> None:
    """Looking makes none, and neither does a request that changes nothing or is refused."""
    assert read_control(run) == Control()
    assert request(run, lambda _: None) == Control()
    with pytest.raises(ZeroDivisionError):
        request(run, lambda _: 1 // 0)  # type: ignore[arg-type,return-value]  # it raises
    assert not Path(run.file(EVENTS)).exists()


def test_a_request_is_told_what_holds_and_what_holds_then(run: RunDir) -> None:
    """Each sees those before it; the size grows with every line."""
    first = request(run, lambda _: HOLD)
    assert (first.held, first.size) == (True, len(encode_event(HOLD)))
    seen: list[Control] = []

    def decide(held: Control) -> RunEvent:
        seen.append(held)
        return RESUME

    second = request(run, decide)
    assert seen == [first]
    assert (second.held, read_control(run)) == (False, second)
    assert second.size > first.size


def test_an_event_comes_back_as_it_was(run: RunDir) -> None:
    """All of its parts, and from any offset on."""
    event = RunEvent("signal", 7, "ada\n\u2028", 1.5, 10, tree=True, tags=("x",), note="n", id="1")
    after = request(run, lambda _: event).size
    request(run, lambda _: HOLD)
    assert read_events(run.file(EVENTS))[0] == [event, HOLD]
    assert read_events(run.file(EVENTS), after)[0] == [HOLD]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\n\n",
        b"[1]\n",
        b'{"event": 1}\n',
        b"\xff\x00\n",
        b"[" * 100_000 + b"\n",
        b'{"at_ms": 1',
        b'{"event": "limit", "at_ms": 1, "seconds": NaN}\n',
        b'{"event": "limit", "at_ms": 1, "seconds": 1e400}\n',
        b'{"event": "limit", "at_ms": 1e999}\n',
        b'{"event": "limit", "at_ms": "soon"}\n',
        b'{"event": "tag", "at_ms": 1, "tags": "abc"}\n',
        b'{"event": "tag", "at_ms": 1, "tags": [[1]]}\n',
    ],
)
def test_what_makes_no_sense_is_passed_over(run: RunDir, rubbish: bytes) -> None:
    """Also a line that was cut short: what comes after it stands by itself."""
    Path(run.file(EVENTS)).write_bytes(rubbish)
    assert request(run, lambda _: HOLD).held
    note_event(run, RunEvent("suspended", 4))
    assert [event.event for event in read_events(run.file(EVENTS))[0]] == ["hold", "suspended"]


def test_a_line_that_was_cut_short_does_not_count(run: RunDir) -> None:
    """It was never acknowledged; nor does it when more is said after it."""
    Path(run.file(EVENTS)).write_bytes(encode_event(HOLD)[:-1])
    assert not read_control(run).held


def test_so_much_may_be_asked_and_no_more(run: RunDir) -> None:
    """The bound is on the file; what was asked before still holds."""
    Path(run.file(EVENTS)).write_bytes(encode_event(HOLD) + b"\n" * (1 << 20))
    with pytest.raises(TooManyEvents):
        request(run, lambda _: RESUME)
    assert read_control(run).held


def test_many_at_once_lose_nothing(run: RunDir) -> None:
    """Requests of several processes and the account of the shim: each line is whole, once."""

    def ask(name: str) -> None:
        for turn in range(20):
            request(run, lambda _: RunEvent("tag", 1, tags=(f"{name}{turn}",)))  # noqa: B023 - called at once
            note_event(run, RunEvent("signalled", 2, note=f"{name}{turn}"))

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_control(run).tags) == 60
    assert len(read_events(run.file(EVENTS))[0]) == 120


def test_events_from_elsewhere_are_added_once(run: RunDir, tmp_path: Path) -> None:
    """What comes again changes nothing, and a line that was cut short stays by itself."""
    path = Path(run.file(EVENTS))
    first, second = encode_event(HOLD), encode_event(RESUME)
    add_events(run, first)
    add_events(run, first + second)
    assert path.read_bytes() == first + second
    path.write_bytes(b'{"event": "ho')
    add_events(run, second)
    assert read_events(str(path))[0] == [RESUME]
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        add_events(run, first)
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_only_for_waiting_runs_is_refused_to_others(run: RunDir) -> None:
    """It is decided under the lock by which runs are started; the lock is free again after it."""
    assert request(run, lambda _: HOLD, unstarted=True).held
    lock = run.take()
    assert lock is not None
    run.write("shim", b"{}", durable=False)
    try:
        with pytest.raises(BlockingIOError):
            request(run, lambda _: RESUME, unstarted=True)
    finally:
        os.close(lock)


def test_a_run_that_is_gone_takes_nothing(run: RunDir, tmp_path: Path) -> None:
    """The caller looks where it went."""
    Path(run.path).rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        request(run, lambda _: HOLD)


def test_what_a_run_writes_into_its_own_file_harms_nobody(run: RunDir) -> None:
    """Words are cut and made fit to be shown, and there are so many at most."""
    line = b'{"event": "tag", "at_ms": 5, "who": "\\ud800", "tags": [%s]}\n'
    words = b",".join(b'"%d%s"' % (turn, b"x" * 1000) for turn in range(500))
    Path(run.file(EVENTS)).write_bytes(line % words)
    (event,), _ = read_events(run.file(EVENTS))
    event.who.encode()
    assert max(map(len, event.tags)) <= 256
    assert len(read_control(run).tags) <= 64
    os.truncate(run.file(EVENTS), 1 << 40)
    assert len(read_events(run.file(EVENTS))[0]) == 1
    with pytest.raises(TooManyEvents):
        request(run, lambda _: HOLD)
