"""The gateway is killed at each system call of one submit of a group, one after the other.

After each the submit is repeated, as a client would that got no answer. The group is there once,
with one verdict for each attempt, and each member has started once in an attempt at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.storm import complaints
from tests.faults.syscalls import Call, killing, recording, strace, threads
from tests.faults.test_submit_crash import APP, is_change, until_dead
from tests.support.processes import lives
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

ACCEPTED, THERE, LATER = 202, 409, 503


class Stage:
    """A gateway whose worker is killed, and a client that does not give up."""

    def __init__(self, gateway: Served, folder: Path) -> None:
        self._gateway = gateway
        self._folder = folder
        self._names = (f"group{number}" for number in count())
        self._made: list[str] = []

    def record(self) -> list[Call]:
        """The calls that the worker makes while one submit is answered."""
        pid, found, name = self._warm(), list[Call](), next(self._names)
        with recording(pid, self._folder / "record", found):
            assert self._submit(name) == ACCEPTED
        self._judge(name)
        return [call for call in found if is_change(call)]

    def surely(self, call: Call) -> bool:
        """Kills the worker at a call, if need be of another thread; whether it died."""
        return self.crash(call) or (bool(call.thread) and self.crash(call, anywhere=True))

    def crash(self, call: Call, *, anywhere: bool = False) -> bool:
        """Kills the worker at a call of a submit; whether it came there."""
        pid, name = self._warm(), next(self._names)
        if not anywhere and call.thread >= len(threads(pid)):
            return False
        with killing(pid, call, anywhere=anywhere), until_dead(pid):
            self._submit(name)
        died = not lives(pid)
        try:
            self._judge(name)
        except AssertionError as error:
            raise AssertionError(f"the gateway killed at {call}: {error}") from error
        return died

    def close(self) -> None:
        """What is listed is what was submitted, each once, and nobody complained."""
        listed = [row["name"] for row in self._asked("")]
        assert sorted(listed) == sorted(self._made)
        live = self._gateway.data / "spool" / "live"
        wait_until_sync(lambda: not any(live.iterdir()), "the runs to be put away", 60)
        assert not complaints(self._gateway)

    def _warm(self) -> int:
        """The pid of the one worker, which has had its first submit."""
        self._judge(next(self._names))
        wait_until_sync(lambda: len(self._gateway.parts(APP)) == 1, "one worker", 60)
        return self._gateway.parts(APP)[0]

    def _judge(self, name: str) -> None:
        """A repeated submit finds the group, which succeeds in its second attempt."""

        def answered() -> bool:
            with suppress(httpx.TransportError):
                return self._submit(name) != LATER
            return False

        wait_until_sync(answered, f"an answer to {name}", 60)
        self._made.append(name)
        wait_until_sync(lambda: self._state(name) == "SUCCEEDED", f"{name} to succeed", 90)
        status = self._asked(f"/admin~{name}")["jobStatus"]
        assert (status["attemptId"], status["retries"]) == (1, 1)
        signed = Counter((self._folder / name).read_text().splitlines())
        assert set(signed.values()) == {1}, signed
        assert {"1 0", "2 0", "2 1"} <= set(signed) <= {"1 0", "1 1", "2 0", "2 1"}

    def _state(self, name: str) -> str:
        with suppress(httpx.TransportError):
            found = self._asked(f"/admin~{name}")
            return str(found["jobStatus"]["state"]) if found else ""
        return ""

    def _asked(self, tail: str) -> Any:  # noqa: ANN401 - JSON
        reply = httpx.get(
            f"{self._gateway.url}/api/v2/jobs{tail}", headers=self._gateway.headers, timeout=40
        )
        if reply.status_code == LATER:
            return None
        assert reply.status_code == httpx.codes.OK, reply.text
        return reply.json()

    def _submit(self, name: str) -> int:
        """The status of the answer to a submit."""
        sign = f'echo "$NARTHEX_ATTEMPT $NARTHEX_ROLE_INDEX" >> {self._folder / name}'
        fail = '[ "$NARTHEX_ATTEMPT$NARTHEX_ROLE_INDEX" != 10 ]'
        job = {
            "protocolVersion": 2,
            "name": name,
            "type": "job",
            "jobRetryCount": 1,
            "prerequisites": [{"name": "none", "type": "dockerimage", "uri": "none"}],
            "taskRoles": {
                "w": {
                    "instances": 2,
                    "dockerImage": "none",
                    "resourcePerInstance": {"cpu": 1, "memoryMB": 64, "gpu": 0},
                    "commands": [sign, fail],
                }
            },
        }
        # A connection of its own: the first thing that a worker does for a client is to take it.
        reply = httpx.post(
            f"{self._gateway.url}/api/v2/jobs",
            json=job,
            headers=self._gateway.headers,
            timeout=40,
        )
        assert reply.status_code in {ACCEPTED, THERE, LATER}, reply.text
        return reply.status_code


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A gateway whose worker is to be killed; what is left is judged at the end."""
    strace()
    with serving(folder / "data") as gateway:
        stage = Stage(gateway, folder)
        yield stage
        stage.close()


def chosen(calls: Sequence[Call]) -> list[Call]:
    """Before the group has its name, before it is in its place, before anybody hears of it."""
    names = ("link", "rename", "fsync", "sendto")
    found = [[call for call in calls if call.name == name] for name in names]
    return [some[-1] for some in found if some]


@pytest.mark.timeout(300)
def test_the_gateway_dies_where_it_counts(tmp_path: Path) -> None:
    """Before each statement about the group, and before the answer."""
    with staged(tmp_path) as stage:
        calls = chosen(stage.record())
        assert calls
        died = [stage.crash(call, anywhere=bool(call.thread)) for call in calls]
        assert sum(died) >= len(died) // 2, died


@pytest.mark.storm
@pytest.mark.timeout(3600)
def test_the_gateway_dies_at_every_call(tmp_path: Path) -> None:
    """At none of all points a group is lost or there twice, or a member starts twice."""
    with staged(tmp_path) as stage:
        calls = stage.record()
        became = Counter(map(stage.surely, calls))
    print(len(calls), dict(became))  # noqa: T201 - the figures of a long test
    assert became[True] >= len(calls) // 2
