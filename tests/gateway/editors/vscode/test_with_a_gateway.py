"""The extension's modules over a real gateway: logins, kills, results, each line once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from gateway.client import Client
from tests.gateway.client.js.test_cuts import another, meanwhile, slow_lines
from tests.gateway.editors.vscode.conftest import Extension
from tests.support.collector import collecting
from tests.support.gateway import PASSWORD, Gateway, serving_gateway
from tests.support.served import serving
from tests.support.waiting import wait_until_sync


def started(gateway: Gateway, code: str) -> dict[str, object]:
    """What a program that follows is told of a new task of ann."""
    with Client(gateway.url, gateway.token()) as client:
        task = client.execute(code)
        return {
            "url": gateway.url,
            "token": gateway.token(),
            "task": task.exec_id,
            "taskId": task.task_id,
        }


def shown(said: list[dict[str, Any]]) -> list[str]:
    """The lines of a channel, without what the extension says itself."""
    text = "".join(each.get("text", "") for each in said)
    return [each for each in text.split("\n") if each and not each.startswith("[")]


def exact(lines: list[str], least: int, first: int = 1) -> None:
    """The lines are exactly those that were written, from the first one on."""
    assert lines == [*(f"line {i}" for i in range(first, first + len(lines) - 1)), "over"]
    assert len(lines) > least


def read_until(process: subprocess.Popen[str], lines: int) -> list[dict[str, Any]]:
    """What a program says until so many lines are shown."""
    said: list[dict[str, Any]] = []
    assert process.stdout is not None
    for row in process.stdout:
        said.append(json.loads(row))
        if len(shown(said)) >= lines:
            return said
    raise AssertionError(f"it ended: {process.stderr and process.stderr.read()[-2000:]}")


def test_logins_and_tokens(extension: Extension, tmp_path: Path) -> None:
    """A password gives a token, which is kept for this gateway, renewed, found again and ended."""
    short = {"NARTHEX_AUTH_TOKEN_SECONDS": "4"}
    with serving_gateway(tmp_path / "data", **short) as gateway:
        (said,) = extension.run("login.mjs", url=gateway.url, user="ann", password=PASSWORD)
    assert (said["beginning"], said["needed"]) == ("logged out", "LoginNeeded")
    assert said["refused"] != "taken"
    assert (said["user"], said["found"]) == ("ann", "ann")
    assert said["names"] == [f"narthex.token {gateway.url}"]
    assert (said["after"], said["left"]) == ("logged out", 0)


def test_tasks_kills_and_results(gateway: Gateway, extension: Extension) -> None:
    """Rows of the tree, a report of what died, a table by pages, text, HTML and a refusal."""
    code = (
        "import narthex\n"
        "with narthex.Table(['n', 's']) as t:\n"
        "    for i in range(250): t.add((i, None if i else '<b>'))\n"
        "narthex.text('<i>plain')\n"
        "narthex.rich({'text/html': '<script>1</script>'})\n"
    )
    (said,) = extension.run("tasks.mjs", url=gateway.url, token=gateway.token(), code=code)
    assert said["running"]["label"].endswith(" endless")
    assert said["running"]["context"] == "running"
    assert (said["killed"]["context"], said["killed"]["icon"]) == ("ended", "circle-slash")
    assert any("SIGKILL to " in step for step in said["report"])
    assert "proved that nothing is left" in said["report"][-1]
    first, second = said["pages"]
    assert [len(first["rows"]), len(second["rows"]), first["pages"]] == [200, 50, 2]
    assert first["rows"][:2] == [["0", "<b>"], ["1", None]]
    assert first["note"] == "250 rows"
    assert [(each["type"], each["text"]) for each in said["others"]] == [
        ("text", "<i>plain"),
        ("text", "<script>1</script>"),
    ]
    assert said["wrong"]["type"] == "error"


def test_a_window_that_is_loaded_anew(
    gateway: Gateway, extension: Extension, tmp_path: Path
) -> None:
    """Its channel is empty: it is filled again, all of it or the last lines, and then goes on."""
    flag = tmp_path / "flag"
    words = {**started(gateway, slow_lines(flag)), "memory": str(tmp_path / "memory")}
    with extension.running("follow.mjs", **words) as process:
        read_until(process, 300)
    with extension.running("follow.mjs", **words, most=100) as process:
        said = read_until(process, 150)
    (begun,) = [each["from"] for each in said if "from" in each]
    assert begun > 100
    assert shown(said)[:150] == [f"line {i}" for i in range(begun, begun + 150)]
    flag.touch()
    exact(shown(extension.run("follow.mjs", 60, **words)), 300)


def test_the_gateway_is_killed(own_gateway: Gateway, extension: Extension, tmp_path: Path) -> None:
    """The window says that it is away, and shows each line once when it is back."""
    flag = tmp_path / "flag"
    words = {**started(own_gateway, slow_lines(flag)), "memory": str(tmp_path / "memory")}
    task = int(str(words["taskId"]))
    served = own_gateway.served

    def work() -> None:
        try:
            with Client(own_gateway.url, own_gateway.token(), patience_seconds=60) as client:
                for _ in range(2):
                    seen = client.log(task).last
                    wait_until_sync(lambda: client.log(task).last > seen + 200, "more lines", 40)  # noqa: B023
                    old = served.parts("gateway.app")
                    if not flag.exists():
                        os.kill(old[0], signal.SIGKILL)
                        wait_until_sync(partial(another, served, old), "another process", 40)
        finally:
            flag.touch()

    with meanwhile(work):
        said = extension.run("follow.mjs", seconds=90, **words)
    exact(shown(said), 400)
    assert {"end": "Succeed"} in said


def test_the_gateway_is_shut_down(tmp_path: Path, extension: Extension) -> None:
    """The standing is "away" from then on, also if its websockets were closed first, and back."""
    data = tmp_path / "data"
    with serving_gateway(data) as gateway:
        words = {"url": gateway.url, "token": gateway.token()}
        port = gateway.url.rpartition(":")[2]
        with extension.running("standing.mjs", **words) as process:
            assert process.stdout is not None
            said = [json.loads(next(process.stdout)) for _ in range(2)]
            gateway.served.process.terminate()
            gateway.served.process.wait()
            while "away" not in said:
                said.append(json.loads(next(process.stdout)))
            with serving(data, "--port", port):
                said += map(json.loads, process.stdout)
    assert said[-1] == "here"
    assert "logged out" not in said


def test_a_login_that_ends(gateway: Gateway, extension: Extension, tmp_path: Path) -> None:
    """The following waits for another login, and then goes on at the line where it was."""
    flag = tmp_path / "flag"
    words = {**started(gateway, slow_lines(flag)), "memory": str(tmp_path / "memory")}
    words["token"] = gateway.token(seconds=3)
    with extension.running("follow.mjs", **words, expires=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        said: list[dict[str, Any]] = []
        for row in process.stdout:
            said.append(json.loads(row))
            if said[-1] == {"standing": "logged out"}:
                flag.touch()
                process.stdin.write(f"{gateway.token()}\n")
                process.stdin.flush()
    assert {"standing": "logged out"} in said
    assert {"end": "Succeed"} in said
    exact(shown(said), 100)


def test_a_trace_begins_at_the_editor(tmp_path: Path, extension: Extension) -> None:
    """Its span is the parent of what the gateway does, refusals too; without one none is sent."""
    shell = {"engine": "shell", "language": "shell"}
    cobol = {"engine": "cobol", "language": "cobol"}
    with (
        collecting() as collector,
        serving_gateway(
            tmp_path / "data",
            NARTHEX_TRACING_EXPORTER="otlp",
            NARTHEX_TRACING_ENDPOINT=collector.url,
        ) as gateway,
    ):
        words: dict[str, Any] = {"url": gateway.url, "token": gateway.token()}
        words["code"] = "echo hidden"
        (silent,) = extension.run("submit.mjs", **words, choice=shell, collector="")
        (away,) = extension.run(
            "submit.mjs", **words, choice=shell, collector="http://127.0.0.1:9/v1/traces"
        )
        assert collector.documents == []
        (done,) = extension.run("submit.mjs", **words, choice=shell, collector=collector.url)
        (told,) = collector.spans_of("narthex-vscode")
        found = collector.by_name(told.trace_id, "submit", "accept", "run", "first line")
        (refused,) = extension.run("submit.mjs", **words, choice=cobol, collector=collector.url)
    assert {silent["type"], away["type"], done["type"]} == {"submitted"}
    assert (told.name, told.parent_id, told.fault) == ("submit", "", "")
    assert told.facts["narthex.task.number"] == str(done["taskId"])
    assert found["accept"].parent_id == told.span_id
    assert found["accept"].start_ns < told.end_ns
    assert "cobol" in refused["error"]
    assert collector.spans_of("narthex-vscode")[-1].fault == refused["error"]
    assert "hidden" not in json.dumps(collector.documents)
    # Without a span of the editor the gateway's own is the top of the trace.
    tops = {
        one.facts["narthex.task.number"]: one.parent_id
        for one in collector.spans()
        if one.name == "accept" and not one.fault
    }
    assert (tops[str(silent["taskId"])], tops[str(done["taskId"])]) == ("", told.span_id)
