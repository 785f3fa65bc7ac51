"""Python sessions as users see them: over sockets and HTTP, through the death of every part."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace
from typing import Any

import httpx

from tests.journeys.entrance import Caller, frame, opened, received
from tests.support.served import NARTHEX, Served, command, token_for
from tests.support.waiting import wait_until_sync


def statement(code: str, **special: object) -> dict[str, Any]:
    """The body that submits Python code; ``special`` are parameters."""
    return {
        "executeApplicationName": "python",
        "runType": "python",
        "executionCode": code,
        "params": {"configuration": {"special": special}},
    }


class Python(Caller):
    """Speaks Python to a gateway over HTTP."""

    def say(self, code: str, **special: object) -> str:
        """The execID of a statement that is on its way."""
        return str(self.call("POST", "execute", json=statement(code, **special))["execID"])

    def run(self, code: str, **special: object) -> list[str]:
        """The lines of a statement that must succeed."""
        exec_id = self.say(code, **special)
        lines = [line["text"] for line in self.lines(exec_id)]
        assert self.finished(exec_id) == "Succeed", lines
        return lines

    def sessions(self) -> list[dict[str, Any]]:
        """The caller's warm sessions."""
        found = self.call("GET", "sessions")["sessions"]
        assert isinstance(found, list)
        return found


def another(gateway: Served, name: str) -> Served:
    """The same gateway for another user."""
    subprocess.run(
        [*NARTHEX, "user", "add", name, "--data-dir", str(gateway.data), "--password-stdin"],
        input="a long password\n",
        text=True,
        capture_output=True,
        timeout=30,
        check=True,
    )
    return replace(gateway, token=token_for(name, gateway.data))


async def over_socket(gateway: Served, code: str) -> list[str]:
    """The lines that a socket of its own is pushed for a statement, until it has ended."""
    lines: list[str] = []
    exec_id = ""
    async with opened(gateway) as socket:
        await socket.send(frame("execute", statement(code), websocketTag="tab"))
        while True:
            message = await received(socket)
            verb = message["method"].rpartition("/")[2]
            if verb == "execute":
                exec_id = message["data"]["execID"]
            if message["data"]["execID"] != exec_id:
                continue  # what an earlier socket of this user was not told any more
            if verb == "log":
                lines += [text for text in message["data"]["log"][3].split("\n") if text]
            elif verb == "status" and message["data"]["status"] in {"Succeed", "Failed"}:
                return lines


async def test_state_is_shared_by_the_sockets_of_one_user(served: Served) -> None:
    """One socket binds a name, another of the same user reads it, another user cannot.

    The users are of this test alone: what others left on the same gateway is not theirs.
    """
    owner = another(served, "ann-of-sessions")
    await over_socket(owner, "x = 41")
    lines = await over_socket(owner, "print(x + 1)")
    assert any(line.endswith("42") for line in lines), lines
    with Python(another(served, "bob-of-sessions")) as bob, Python(owner) as ann:
        exec_id = bob.say("print(x)")
        assert bob.finished(exec_id) == "Failed"
        assert any("NameError" in line["text"] for line in bob.lines(exec_id))
        (mine,) = ann.sessions()
        assert (mine["user"], mine["state"]) == ("ann-of-sessions", "idle")
        reply = bob.http.post(f"{served.api}/sessions/{mine['id']}/kill")
        assert reply.json()["status"] == 1
        assert [one["user"] for one in bob.sessions()] == ["bob-of-sessions"]


def test_a_session_outlives_gateway_and_runner(own: Served) -> None:
    """After SIGKILL of both in mid-statement its output is complete, and the state is there."""
    with Python(own) as caller:
        caller.run("x = 'kept'")
        exec_id = caller.say(
            "import time\nfor i in range(60): print('line', i, flush=True); time.sleep(0.05)"
        )
        wait_until_sync(lambda: caller.status(exec_id) == "Running", "the statement to run")
    victims = [*own.parts("gateway.app"), *own.parts("gateway.runner")]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    wait_until_sync(
        lambda: (
            len(own.parts("gateway.app")) == len(own.parts("gateway.runner")) == 1
            and not set(victims) & {*own.parts("gateway.app"), *own.parts("gateway.runner")}
        ),
        "the parts to be replaced",
        20,
    )
    with Python(own) as later:
        wait_until_sync(lambda: ready(later), "the gateway to answer again", 20)
        assert [line["text"] for line in later.lines(exec_id)] == [f"line {i}" for i in range(60)]
        assert later.finished(exec_id) == "Succeed"
        assert later.run("print(x)") == ["kept"]
        (one,) = later.sessions()
        command("sessions", "--end", one["id"], data=own.data)
        wait_until_sync(lambda: later.sessions() == [], "the session to be gone")


def test_the_command_line_chooses_the_session(served: Served) -> None:
    """Named sessions keep apart what they hold, and with none there is nothing to find."""

    def say(code: str, *more: str) -> str:
        return command("run", "--engine", "python", *more, code, data=served.data)

    say("x = 41", "--session", "cli")
    assert say("print(x + 1)", "--session", "cli") == "42"
    assert say("print('x' in globals())", "--session", "other") == "False"
    assert say("print('x' in globals(), __name__)", "--session", "none") == "False __main__"
    with Python(served) as caller:

        def named() -> list[str]:
            """The sessions made here: the rest of a key is the engine's own."""
            found = caller.sessions()
            return [one["id"] for one in found if json.loads(one["key"])[0] in {"cli", "other"}]

        for session in named():
            command("sessions", "--end", session, data=served.data)
        wait_until_sync(lambda: not named(), "the sessions to be gone")


def test_secrets_are_seen_by_the_task_alone(served: Served) -> None:
    """A secret is a variable of the task; neither its log nor the history shows it."""
    code = "import os, sys; sys.stdout.write(os.environ['KEY']); print()"
    with Python(served) as caller:
        exec_id = caller.say(code, **{"secret.KEY": "very-s3cret", "session": "none"})
        assert [line["text"] for line in caller.lines(exec_id)] == ["******"]
        row = caller.http.get(f"{served.url}/api/rest_j/v1/jobhistory/{exec_id}/get").text
        assert "very-s3cret" not in row
        assert json.loads(row)["status"] == 0


def ready(caller: Caller) -> bool:
    """Whether the gateway takes tasks again."""
    try:
        return caller.http.get(f"{caller.gateway.url}/readyz").status_code == 200
    except httpx.TransportError:
        return False
