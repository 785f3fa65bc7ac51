"""How a run directory comes to be: accepted all or nothing, and once for each claim."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

from engines.rundir.creation import Claimed, adopt_new, create_run
from engines.rundir.directory import RunDir, RunState


def create(spool: Path, run_id: str, spec: bytes = b"spec", claim: str = "") -> RunDir:
    """An accepted run, claimed if asked for."""
    path = spool / "requests" / claim if claim else None
    return create_run(spool / "new", spool / "live", run_id, spec, path)


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
    assert adopt_new(spool / "new", spool / "live", age_seconds=3600) == []
    assert adopt_new(spool / "new", spool / "live", run_id="other") == []
    assert len(list((spool / "new").iterdir())) == 3
    assert adopt_new(spool / "new", spool / "live") == ["claimed"]
    assert list((spool / "new").iterdir()) == []
    assert RunDir(spool / "live" / "claimed").state() == RunState.ACCEPTED
