"""The commands that ask something of tasks, against a gateway that serves."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from gateway.client import Client
from tests.gateway.cli.command import narthex
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway


def test_a_task_from_its_hold_to_its_limit(served: Served) -> None:
    """Each command says how the task then is; ``events`` lists all of it."""

    def ask(*words: str) -> list[str]:
        return narthex(*words, "--data-dir", served.data).stdout.split()

    number = ask("submit", "--hold", "echo ready; sleep 300")[0]
    assert ask("hold", number) == [number, "held"]
    assert ask("tag", number, "--add", "a", "--add", "b") == [number, "held", "a", "b"]
    ask("resume", number)
    with Client(served.url, served.token) as client:
        wait_until_sync(lambda: client.log(number).last == 1, "its line", 20)
        assert ask("suspend", number)[:2] == [number, "suspended"]
        found = json.loads(narthex("resume", number, "--json", "--data-dir", served.data).stdout)
        assert (found["state"], found["tags"]) == ("running", ["a", "b"])
        ask("signal", "USR1", number)
        wait_until_sync(lambda: client.status(number).final, "its end", 20)
    refused = narthex("limit", "5", number, "--data-dir", served.data, code=1)
    assert "has ended" in refused.stderr
    rows = narthex("events", number, "--data-dir", served.data).stdout.splitlines()
    assert rows[0].split()[:3] == ["N", "TIME", "EVENT"]
    assert any("signal" in row and "USR1" in row for row in rows)
    listed = narthex("events", number, "--json", "--data-dir", served.data).stdout.splitlines()
    assert [json.loads(row)["event_number"] for row in listed] == list(range(1, len(rows)))
    assert json.loads(listed[-1])["event"] == "ended"
