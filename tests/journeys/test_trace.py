"""One trace from an editor to the engine: the spans of a task below the span of who asked."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import narthex
import pytest
from websockets.sync.client import connect

from tests.gateway.cli.command import narthex as narthex_command
from tests.journeys.entrance import Caller
from tests.support.served import Served, serving
from tests.support.traces import Collected, Editor, by_name, spans_of
from tests.support.waiting import wait_until_sync

MALFORMED = ("", "hello", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff" * 40, "\u00e9" * 20)


@pytest.fixture
def editor() -> Editor:
    """A new trace."""
    return Editor()


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that writes its spans to a file."""
    data = tmp_path_factory.mktemp("traced") / "data"
    with serving(data, NARTHEX_TRACING_EXPORTER="file") as gateway:
        yield gateway


def body(code: str, engine: str = "shell", kind: str = "shell") -> dict[str, Any]:
    """What is submitted."""
    return {"executionCode": code, "executeApplicationName": engine, "runType": kind}


def test_a_task_of_http_hangs_below_the_editor(traced: Served, editor: Editor) -> None:
    """Each step has its span, in order, and the run itself knows its place."""
    with Caller(traced) as caller:
        data = caller.call(
            "POST",
            "execute",
            json=body("echo $TRACEPARENT; echo $TRACESTATE; exit 3"),
            headers={**editor.carrier, "tracestate": "vendor=1"},
        )
        exec_id = str(data["execID"])
        lines = [line["text"] for line in caller.lines(exec_id)]
    found = by_name(traced.data, editor.trace_id, "accept", "queue", "start", "run", "first line")
    accept, run = found["accept"], found["run"]
    assert accept.parent_id == editor.span_id
    assert {found[name].parent_id for name in ("queue", "start", "run")} == {accept.span_id}
    assert found["first line"].parent_id == run.span_id
    flags = editor.carrier["traceparent"][-2:]
    assert lines == [f"00-{editor.trace_id}-{run.span_id}-{flags}", "vendor=1"]
    moments = [found[name] for name in ("queue", "start", "run")]
    assert [one.end_ns for one in moments[:2]] == [one.start_ns for one in moments[1:]]
    assert all(one.state == "vendor=1" for one in found.values())
    assert run.facts["process.exit.code"] == "3"
    assert run.fault
    assert {one.facts["narthex.task.number"] for one in found.values()} == {str(data["taskID"])}
    audited = [
        line
        for line in traced.data.with_suffix(".log").read_text("utf-8").splitlines()
        if f"request={accept.facts['narthex.request']}" in line and "action=submit" in line
    ]
    assert len(audited) == 1
    assert f"trace={editor.trace_id}" in audited[0]
    assert f"task={accept.facts['narthex.task.id']}" in audited[0]


def test_a_task_of_a_socket_hangs_below_the_editor(traced: Served, editor: Editor) -> None:
    """The envelope carries what a header does over HTTP; a kill has a span too."""
    execute = {
        "method": "/api/rest_j/v1/entrance/execute",
        "data": body("echo ready; sleep 60"),
        **editor.carrier,
    }
    with connect(traced.socket_url, additional_headers=traced.headers) as socket:
        socket.send(json.dumps(execute))
        exec_id = json.loads(socket.recv(timeout=30))["data"]["execID"]
        with Caller(traced) as caller:
            wait_until_sync(lambda: caller.status(exec_id) == "Running", "the script to run")
            caller.call("POST", f"{exec_id}/kill")
            assert caller.finished(exec_id) == "Cancelled"
    found = by_name(traced.data, editor.trace_id, "accept", "run", "kill")
    assert found["accept"].parent_id == editor.span_id
    assert "narthex.socket" in found["accept"].facts
    assert found["kill"].parent_id == found["accept"].span_id
    assert found["kill"].facts["narthex.who"] == "admin"
    assert found["run"].start_ns < found["kill"].start_ns <= found["kill"].end_ns


@pytest.mark.parametrize("by", ["run", "execute"])
def test_the_client_hands_it_on(traced: Served, editor: Editor, by: str) -> None:
    """Whichever transport it uses for that."""
    parent = editor.carrier["traceparent"]
    with narthex.Client(traced.url, token=traced.token) as client:
        if by == "run":
            client.run("true", traceparent=parent, tracestate="vendor=2")
        else:
            client.execute("true", traceparent=parent, tracestate="vendor=2").wait()
    found = by_name(traced.data, editor.trace_id, "accept", "run")
    assert found["accept"].parent_id == editor.span_id
    assert found["accept"].state == "vendor=2"
    assert not found["run"].fault


def test_the_command_line_hands_on_its_environment(traced: Served, editor: Editor) -> None:
    """A pipeline's step is the parent of what it runs, and a task of what it submits."""
    parent = {"TRACEPARENT": editor.carrier["traceparent"], "TRACESTATE": "vendor=3"}
    inner = f"'{sys.executable}' -m gateway.cli submit true --data-dir '{traced.data}'"
    narthex_command("run", inner, "--data-dir", traced.data, more=parent)

    def accepted() -> list[Collected]:
        spans = spans_of(traced.data / "traces.jsonl")
        return [one for one in spans if (one.trace_id, one.name) == (editor.trace_id, "accept")]

    wait_until_sync(lambda: len(accepted()) == 2, "both submissions")
    outer, below = sorted(accepted(), key=lambda one: one.parent_id != editor.span_id)
    run = by_name(traced.data, editor.trace_id, "run")["run"]
    assert (outer.parent_id, outer.state) == (editor.span_id, "vendor=3")
    assert (below.parent_id, below.state) == (run.span_id, "vendor=3")


@pytest.mark.parametrize("parent", MALFORMED)
def test_what_is_malformed_begins_a_trace(traced: Served, parent: str) -> None:
    """Over a socket anything may stand there, also what is no text; nobody is refused for it."""
    strange: list[object] = [parent, 7, None, {"a": 1}]
    with connect(traced.socket_url, additional_headers=traced.headers) as socket:
        for one in strange:
            data = {**body("true"), "push": False}
            call = {"method": "/api/rest_j/v1/entrance/execute", "data": data}
            socket.send(json.dumps({**call, "traceparent": one, "tracestate": one}))
            assert json.loads(socket.recv(timeout=30))["status"] == 0
    reply = httpx.post(
        f"{traced.api}/execute",
        json=body("true"),
        headers={
            **traced.headers,
            "traceparent": parent.encode("ascii", "replace").decode(),
            "tracestate": "=,=;",
        },
    )
    number = str(reply.json()["data"]["taskID"])

    def found() -> list[Collected]:
        return [
            one
            for one in spans_of(traced.data / "traces.jsonl")
            if one.facts.get("narthex.task.number") == number and one.name == "accept"
        ]

    wait_until_sync(found, "the span of the last one")
    assert found()[0].parent_id == ""


def test_a_refusal_has_a_span(traced: Served, editor: Editor) -> None:
    """With what was wrong."""
    wrong = body("true", "cobol")
    httpx.post(f"{traced.api}/execute", json=wrong, headers={**traced.headers, **editor.carrier})
    accept = by_name(traced.data, editor.trace_id, "accept")["accept"]
    assert "cobol" in accept.fault


def test_nothing_is_told_while_it_is_off(served: Served, editor: Editor) -> None:
    """The run sees no variable and nothing is written."""
    with Caller(served) as caller:
        sent = body('echo "[$TRACEPARENT$NARTHEX_SPANS]"')
        data = caller.call("POST", "execute", json=sent, headers=editor.carrier)
        lines = caller.lines(str(data["execID"]))
    assert [line["text"] for line in lines] == ["[]"]
    assert not (served.data / "traces.jsonl").exists()


def test_a_trace_outlives_gateway_and_runner(tmp_path: Path, editor: Editor) -> None:
    """Its place lies with the task: whoever sees the end tells of all of it."""
    with (
        serving(tmp_path / "data", NARTHEX_TRACING_EXPORTER="file") as gateway,
        Caller(gateway) as caller,
    ):
        fifo = tmp_path / "go"
        os.mkfifo(fifo)
        code = f"echo ready; read line < {fifo}"
        data = caller.call("POST", "execute", json=body(code), headers=editor.carrier)
        exec_id = str(data["execID"])
        wait_until_sync(lambda: caller.status(exec_id) == "Running", "the script to run")
        by_name(gateway.data, editor.trace_id, "accept")
        before = gateway.parts("gateway.app") + gateway.parts("gateway.runner")
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        def replaced() -> bool:
            now = gateway.parts("gateway.app") + gateway.parts("gateway.runner")
            return len(now) == len(before) and not set(now) & set(before)

        wait_until_sync(replaced, "both to be replaced")
        fifo.write_text("go\n")
        found = by_name(gateway.data, editor.trace_id, "queue", "start", "run", "first line")
    assert found["run"].parent_id == found["accept"].span_id
    assert found["accept"].parent_id == editor.span_id
