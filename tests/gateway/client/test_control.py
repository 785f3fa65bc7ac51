"""Control with both clients against a real gateway."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gateway.client import AsyncClient, Client, ClientError
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

TRAP = "trap 'echo caught' USR1; echo ready; while :; do sleep 0.02; done"


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """A client of the administrator."""
    with Client(served.url, served.token, patience_seconds=20) as made:
        yield made


def ready(client: Client, task: str) -> None:
    """Waits for the first line."""
    wait_until_sync(lambda: client.log(task).last >= 1, "its first line", 20)


def test_a_task_is_held_and_resumed(client: Client) -> None:
    """Submitted held it waits; resumed it runs."""
    task = client.execute("echo hi", hold=True).exec_id
    held = client.control.hold(task)
    assert (held.exec_id, held.state, held.status) == (task, "held", "Scheduled")
    assert client.control.resume(task).state in {"queued", "starting", "running", "succeeded"}
    wait_until_sync(lambda: client.status(task).status == "Succeed", "its end", 20)
    names = [event.event for event in client.control.events(task).events]
    assert names == ["accepted", "hold", "resume", "started", "ended"]
    with pytest.raises(ClientError, match="has ended"):
        client.control.hold(task)


def test_a_running_task_is_suspended_signalled_tagged_and_limited(client: Client) -> None:
    """The state that is answered is true, and everything is among the events."""
    task = client.execute(TRAP).exec_id
    ready(client, task)
    assert client.control.suspend(task).state == "suspended"
    assert client.control.suspend(task).state == "suspended"
    client.control.signal(task, "USR1")
    assert client.control.tag(task, ["x", "y"]).tags == ("x", "y")
    assert client.control.tag(task, remove=["x"]).tags == ("y",)
    assert client.control.set_limit(task, 600).limit_seconds == 600
    assert client.status(task).status == "Running"
    assert client.control.resume(task).state == "running"
    wait_until_sync(
        lambda: "caught" in [line.text for line in client.log(task).lines], "the trap", 20
    )
    assert client.control.set_limit(task, 0.001).limit_seconds == 0.001
    wait_until_sync(lambda: client.status(task).status == "Timeout", "its end", 20)
    first = client.control.events(task, size=3)
    rest = client.control.events(task, after=first.next, size=1000)
    names = [event.event for event in (*first.events, *rest.events)]
    assert (len(first.events), first.more, rest.more) == (3, True, False)
    assert [name for name in names if name not in {"signalled", "not_signalled"}] == [
        "accepted",
        "started",
        "suspend",
        "suspended",
        "signal",
        "tag",
        "tag",
        "limit",
        "resume",
        "resumed",
        "limit",
        "ended",
    ]
    assert rest.events[-1].reason == "time_limit"
    assert {event.who for event in rest.events if event.event == "tag"} <= {"admin", "root", ""} | {
        event.who for event in first.events
    }


def test_output_is_read_while_it_comes(client: Client) -> None:
    """By stream and byte; the tail too."""
    task = client.execute("printf abc; printf err >&2; sleep 30").exec_id
    wait_until_sync(lambda: client.control.output(task).next == 3, "its output", 20)
    found = client.control.output(task, first=1, last=1)
    assert (found.first, found.data, found.next, found.complete) == (1, b"b", 2, False)
    wait_until_sync(lambda: client.control.output(task, "stderr").data == b"err", "its errors", 20)
    assert client.control.output(task, first=-2).data == b"bc"
    client.kill(task, grace=0)
    wait_until_sync(lambda: client.control.output(task, first=3).complete, "its end", 20)
    assert client.control.output(task).data == b"abc"


@pytest.mark.parametrize("name", ["KILL", "nonsense", 9, ""])
def test_a_signal_that_may_not_be_sent_is_refused(client: Client, name: str | int) -> None:
    """With those that may be."""
    task = client.execute("sleep 30").exec_id
    with pytest.raises(ClientError, match="USR1"):
        client.control.signal(task, name)
    client.kill(task, grace=0)


async def test_the_async_client_does_the_same(served: Served) -> None:
    """Every call of it."""
    async with AsyncClient(served.url, served.token, patience_seconds=20) as client:
        task = (await client.execute("echo hi; sleep 60", hold=True)).exec_id
        control = client.control
        assert (await control.hold(task)).state == "held"
        with pytest.raises(ClientError, match="does not run yet"):
            await control.suspend(task)
        with pytest.raises(ClientError, match="does not run yet"):
            await control.signal(task, "USR1")
        assert (await control.set_limit(task, 300)).limit_seconds == 300
        assert (await control.tag(task, ["a"])).tags == ("a",)
        await control.resume(task)
        async for _ in client.follow(task):
            break
        assert (await control.suspend(task)).state == "suspended"
        assert (await control.output(task)).data == b"hi\n"
        await client.kill(task, grace=0)
        async for _ in client.follow(task):
            continue
        assert (await control.events(task)).events[-1].state == "killed"


def test_what_belongs_to_others_is_not_there(served: Served) -> None:
    """Nor can a stranger ask anything."""
    for name in ("hold", "resume", "suspend", "signal", "limit", "tag"):
        reply = httpx.post(f"{served.url}/api/rest_j/v1/entrance/1/{name}", json={})
        assert reply.status_code == 401
    for name in ("events", "output"):
        assert httpx.get(f"{served.url}/api/rest_j/v1/entrance/1/{name}").status_code == 401
