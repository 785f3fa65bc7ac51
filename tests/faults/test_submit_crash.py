"""The gateway and the runner are killed at each system call of one submit, one after the other.

Calls that only look or wait are no points: a death there leaves what a death at the next call
leaves. After each the submit is repeated with its request id, as a client would.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from gateway.stores.spec import decode_spec
from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.faults.syscalls import Call, killing, recording, strace, threads
from tests.journeys.entrance import Caller, shell
from tests.support.processes import lives
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

APP, RUNNER = "gateway.app", "gateway.runner"
CHANGES = {
    *("accept4", "chmod", "fdatasync", "fsync", "ftruncate", "link", "linkat", "mkdir", "pwrite64"),
    *("rename", "renameat2", "rmdir", "sendmsg", "sendto", "unlink", "unlinkat", "write", "writev"),
}
"""What changes something that outlives the process; and ``openat``, if it makes a file."""


TRIES = 6
"""Rounds within which a part comes to a chosen point at least once."""


class Stage:
    """A gateway one part of which is killed, and a client that does not give up."""

    def __init__(self, gateway: Served, caller: Caller, part: str, folder: Path) -> None:
        self.gateway = gateway
        self.caller = caller
        self.part = part
        self.folder = folder
        self.names = (f"submit-{number}" for number in count())
        self.known: list[str] = []

    def record(self) -> list[Call]:
        """The calls that the part makes while one submit is answered, or its run comes to an end.

        The gateway has done its work with the answer; the runner begins then.
        """
        pid, found, name = self.warm(), list[Call](), next(self.names)
        with recording(pid, self.folder / "record", found):
            exec_id = self.submit(name)
            if self.part == RUNNER:
                self.until(lambda: self.put_away(1), "the recorded run to be put away")
        self.judge(name, exec_id)
        return [call for call in found if is_change(call)]

    def surely(self, call: Call) -> str:
        """Kills it at a call, if need be of another thread than the one that made it before."""
        became = self.crash(call)
        return became if "killed" in became or not call.thread else self.crash(call, anywhere=True)

    def crash(self, call: Call, *, anywhere: bool = False) -> str:
        """Kills the part at a call of a submit, and says what became of it."""
        pid, name = self.warm(), next(self.names)
        if not anywhere and call.thread >= len(threads(pid)):
            return "no such thread"
        exec_id = ""
        with killing(pid, call, anywhere=anywhere), until_dead(pid):
            exec_id = self.submit(name)
            if self.part == RUNNER:
                self.until(lambda: self.put_away(1) or not lives(pid), "the run or its runner")
        died = not lives(pid)
        try:
            self.judge(name, exec_id)
        except AssertionError as error:
            raise AssertionError(f"{self.part} killed at {call}: {error}") from error
        return f"{'killed' if died else 'left alone'}, {'answered' if exec_id else 'not answered'}"

    def warm(self) -> int:
        """The pid of the part, which has had its first submit: all that is made once is there."""
        self.judge(name := next(self.names), self.again(name))
        self.until(lambda: len(self.gateway.parts(self.part)) == 1, "one part of its kind")
        return self.gateway.parts(self.part)[0]

    def judge(self, name: str, exec_id: str) -> None:
        """A repeated submit is the same task, which there is once and which ran once."""
        found = {self.again(name) for _ in range(2)} | ({exec_id} if exec_id else set())
        assert len(found) == 1, f"{name} is {found}"
        self.until(lambda: self.is_over(found), f"{name} to end")
        self.until(lambda: self.put_away(1), f"{name} to be put away")
        assert (self.folder / name).read_text() == "x"
        self.known += found
        assert Counter(self.accepted())[name] == 1

    def put_away(self, beyond: int) -> bool:
        """Whether all that was accepted is, and so many more than have been judged."""
        spool = self.gateway.data / "spool"
        return not any((spool / "live").iterdir()) and len(self.done()) == len(self.known) + beyond

    def is_over(self, found: set[str]) -> bool:
        """Whether a task has ended well; never anything else. False while nobody answers."""
        with suppress(httpx.TransportError):
            (exec_id,) = found
            reply = self.caller.http.get(f"{self.gateway.api}/{exec_id}/status")
            assert reply.status_code in {200, 503}, reply.text
            status = reply.json()["data"].get("status")
            assert status in {None, "Inited", "WaitForRetry", "Scheduled", "Running", "Succeed"}
            return bool(status == "Succeed")
        return False

    def submit(self, name: str) -> str:
        """The execID in the answer to a submit; nothing if it was refused for the time being."""
        body = shell(f"printf x >> {self.folder / name}", requestId=name)
        # A connection of its own: the first thing that a worker does for a client is to take it.
        reply = httpx.post(f"{self.gateway.api}/execute", json=body, headers=self.gateway.headers)
        assert reply.status_code in {200, 503}, reply.text
        return str(reply.json()["data"].get("execID", ""))

    def again(self, name: str) -> str:
        """The execID in the answer to a submit, asked for until there is one."""
        found: list[str] = []

        def answered() -> bool:
            with suppress(httpx.TransportError):
                found.append(self.submit(name))
            return bool(found and found[-1])

        self.until(answered, f"an answer to {name}")
        return found[-1]

    def done(self) -> list[Path]:
        """The runs that were put away."""
        return list((self.gateway.data / "spool" / "done").glob("*/*"))

    def accepted(self) -> Iterator[str]:
        """The request ids of all runs that there are."""
        for path in self.done():
            yield decode_spec((path / "spec").read_bytes()).request_id

    def close(self) -> None:
        """Nothing is left half made, and what is listed is what was told, each once."""
        spool = self.gateway.data / "spool"
        for path in (spool / "new").iterdir():
            os.utime(path, (0, 0))  # as if its minute had passed
        self.until(lambda: not any((spool / "new").iterdir()), "the half made to be swept")
        assert len(list((spool / "requests").iterdir())) == len(self.known)
        assert len(self.done()) == len(self.known)
        listed = f"{self.gateway.url}/api/rest_j/v1/jobhistory/list"
        rows, page = list[str](), 1
        while more := self.caller.http.get(listed, params={"pageNow": page}).json()["data"][
            "tasks"
        ]:
            rows += [row["strongerExecId"] for row in more]
            page += 1
        assert sorted(rows) == sorted(self.known)
        assert not complaints(self.gateway)

    @staticmethod
    def until(condition: Callable[[], object], description: str) -> None:
        """Waits for longer than a part needs to be replaced."""
        wait_until_sync(condition, description, 40)


@contextmanager
def until_dead(pid: int) -> Iterator[None]:
    """Bears that nobody answers; if a connection was cut, waits for the death that cut it.

    A process that is killed loses its sockets a moment before it is seen to be dead.
    """
    try:
        yield
    except httpx.TimeoutException:
        return
    except httpx.TransportError:
        wait_until_sync(lambda: not lives(pid), "who cut a connection to be dead")


def is_change(call: Call) -> bool:
    """Whether a call changes what outlives its process."""
    return call.name in CHANGES or (call.name == "openat" and "O_CREAT" in call.text)


@contextmanager
def staged(part: str, folder: Path) -> Iterator[Stage]:
    """A gateway one part of which is to be killed; what is left is judged at the end."""
    strace()
    with serving(folder / "data") as gateway, calling(gateway) as caller:
        stage = Stage(gateway, caller, part, folder)
        yield stage
        stage.close()


def last(calls: Sequence[Call], name: str, thread: int) -> Call:
    """The last call of a name by a thread."""
    return [call for call in calls if (call.name, call.thread) == (name, thread)][-1]


@pytest.mark.timeout(180)
def test_the_gateway_dies_where_it_counts(tmp_path: Path) -> None:
    """Before the spec has its name, before it is in its place, before Redis knows, unanswered."""
    with staged(APP, tmp_path) as stage:
        calls = stage.record()
        (link,) = (call for call in calls if call.name == "link")
        (moved,) = (call for call in calls if call.name == "rename")
        behind = calls[calls.index(moved) :]
        indexing = next(call for call in behind if call.name == "sendto" and not call.thread)
        chosen = [link, moved, indexing, last(calls, "sendto", 0)]
        for call in chosen:
            # Another thread may come to it, and what the worker does on its own in between.
            became: list[str] = []
            while "killed, not answered" not in became:
                became.append(stage.surely(call))
                assert len(became) < TRIES, (call, became)


@pytest.mark.storm
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", [APP, RUNNER])
def test_it_dies_at_every_call(tmp_path: Path, part: str) -> None:
    """At none of all points a task is lost, is there twice or runs twice."""
    with staged(part, tmp_path) as stage:
        calls = stage.record()
        became = Counter(map(stage.surely, calls))
    print(part, len(calls), dict(became))  # noqa: T201 - the figures of a long test
    # What a part does on its own in between may come in the way of a point now and then.
    killed = sum(number for word, number in became.items() if "killed" in word)
    assert killed >= len(calls) * 3 // 4
