"""The JavaScript client against a real gateway: verbs, login, and following to the letter."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import Client
from gateway.version import __version__
from tests.gateway.client.js.conftest import HERE, Node
from tests.support.served import Served, admin_password, serving, token_for
from tests.support.traces import Editor, by_name
from tests.support.waiting import wait_until_sync

MODULE = HERE.parents[3] / "gateway" / "client" / "js"


def lines(news: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Number and text of every line."""
    return [(item["number"], item["text"]) for item in news if item["type"] == "line"]


def execute(served: Served, code: str, *, over: bool = True) -> str:
    """The execID of a new task, which has ended if it is to be ``over``."""
    with Client(served.url, served.token) as client:
        exec_id = client.execute(code).exec_id
        if over:
            wait_until_sync(lambda: client.status(exec_id).final, "the task to end")
        return exec_id


def test_a_place_in_a_trace_goes_along(node: Node, tmp_path: Path) -> None:
    """As a member of the message by websocket, as a header over HTTP."""
    with serving(tmp_path / "data", NARTHEX_TRACING_EXPORTER="file") as served:
        for connect, known_by in ((True, "narthex.socket"), (False, "narthex.request")):
            editor = Editor()
            parent = editor.carrier["traceparent"]
            node.run(
                "traced.mjs",
                url=served.url,
                token=served.token,
                connect=connect,
                traceparent=parent,
            )
            accept = by_name(served.data, editor.trace_id, "accept")["accept"]
            assert accept.parent_id == editor.span_id
            assert accept.state == "vendor=1"
            assert known_by in accept.facts


@pytest.mark.parametrize("connect", [True, False], ids=["websocket", "http"])
def test_the_verbs(served: Served, node: Node, connect: bool) -> None:  # noqa: FBT001 - a table
    """Code is submitted, held, followed, read, listed, killed and refused, over either way."""
    (said,) = node.run(
        "verbs.mjs", url=served.url, token=served.token, connect=connect, id=f"once-{connect}"
    )
    assert said["who"] == {"user": "admin", "admin": True}
    assert said["held"] == "Scheduled"
    assert said["resumed"] in {"queued", "starting", "running"}
    assert (said["status"]["status"], said["status"]["final"]) == ("Running", False)
    assert said["progress"]["fraction"] < 1
    assert lines(said["page"]["lines"]) == [(1, "one")]
    assert not said["page"]["eof"]
    assert said["listed"]
    assert lines(said["found"]["lines"]) == lines(said["before"]["lines"]) == [(1, "one")]
    assert {"accepted", "hold", "resume", "started"} <= set(said["events"])
    assert said["output"] == "one\n"
    assert said["sessions"] == []
    assert ["redis", True] in said["health"]
    assert (said["paged"], said["varied"]) == (1, "put in")
    assert said["killed"]
    assert said["once"]
    report = said["report"]
    assert (report["state"], report["verified"], report["left"]) == ("killed", True, [])
    assert said["described"]["status"] == "Cancelled"
    assert [refusal[0] for refusal in said["refusals"]] == [True] * 3
    assert all(400 <= code < 500 and not passing for _, code, passing in said["refusals"])


def test_a_login_that_is_renewed_on_an_open_socket(served: Served, node: Node) -> None:
    """A password gives a token, another one takes over in place, and a logout ends it."""
    password = admin_password(served.data)
    fresh = token_for("admin", served.data)
    (said,) = node.run("login.mjs", url=served.url, user="admin", password=password, fresh=fresh)
    assert said["refusal"] == 1
    assert said["user"] == {"user": "admin", "admin": True}
    assert said["events"][:2] == ["token", "connection"]
    assert "line" in said["rest"]
    assert said["rest"][-1] == "end"
    assert said["asked"] == {"user": "admin", "admin": True}
    assert (said["lost"], said["after"]) == (-1, -1)


@pytest.mark.parametrize("without", [False, True], ids=["websocket", "polling"])
def test_twenty_thousand_lines(served: Served, node: Node, without: bool) -> None:  # noqa: FBT001 - a table
    """Every line comes once and in order, and then one end."""
    exec_id = execute(served, "seq 1 20000; exit 7", over=False)
    news = node.follow(served, exec_id, without=without)
    assert lines(news) == [(i, str(i)) for i in range(1, 20_001)]
    ends = [item for item in news if item["type"] == "end"]
    assert ends == [news[-1]]
    assert (news[-1]["last"], news[-1]["status"], news[-1]["exitCode"]) == (20_000, "Failed", 7)


@pytest.mark.parametrize("without", [False, True], ids=["websocket", "polling"])
def test_what_is_no_text(served: Served, node: Node, without: bool) -> None:  # noqa: FBT001 - a table
    """Bytes, markup, marks of byte order, returns and separators of Unicode come unchanged."""
    texts = ["<b>&amp;", "\ufeffmark", "a\rb\r", "\u2028\u2029\x0b", "\U0001f600é", "", " "]
    written = b"\xff\xfe\n" + "".join(f"{text}\n" for text in texts).encode()
    words = f"import sys; sys.stdout.buffer.write({written!r})"
    code = f"{shlex.quote(sys.executable)} -c {shlex.quote(words)}"
    news = node.follow(served, execute(served, code), without=without)
    first, *rest = [item for item in news if item["type"] == "line"]
    assert first["bytes"] == [0xFF, 0xFE]
    assert [item["text"] for item in rest] == texts


@pytest.mark.parametrize("credit", [1, 5000])
def test_a_long_line_in_parts(served: Served, node: Node, credit: int) -> None:
    """The parts of a line of two megabytes join to it, however little credit there is."""
    code = "echo a; head -c 2000000 /dev/zero | tr '\\0' x; echo; echo b"
    exec_id = execute(served, code)
    news = node.follow(served, exec_id, options={"credit": credit})
    joined: dict[int, str] = {}
    for number, text in lines(news):
        joined[number] = joined.get(number, "") + text
    assert joined == {1: "a", 2: "x" * 2_000_000, 3: "b"}


def test_from_a_line(served: Served, node: Node) -> None:
    """A following begins at any line, also past the last one."""
    exec_id = execute(served, "seq 1 50")
    assert lines(node.follow(served, exec_id, options={"fromLine": 49})) == [(49, "49"), (50, "50")]
    assert [item["type"] for item in node.follow(served, exec_id, options={"fromLine": 51})][
        -1
    ] == "end"


def test_many_on_one_socket(served: Served, node: Node) -> None:
    """Tasks share a websocket, and one that is read twice takes a second; each is told exactly."""
    tasks = [execute(served, f"seq 1 {count}") for count in (10, 3000, 500)]
    endless = execute(served, "while :; do echo x; sleep 0.01; done", over=False)
    (said,) = node.run("many.mjs", url=served.url, token=served.token, tasks=tasks, endless=endless)
    with Client(served.url, served.token) as client:
        client.kill(endless, grace=0)
    counts = (10, 3000, 500, 10)
    assert said["read"] == [list(range(1, count + 1)) for count in counts]
    assert said["again"] == list(range(2, 11))
    assert said["stopped"] == "enough"
    assert said["sockets"] == 2


def test_results_by_page(served: Served, node: Node) -> None:
    """A table is read page by page, with its types and NULLs."""
    code = (
        "import narthex\n"
        "with narthex.Table(['n', 's']) as t:\n"
        "    for row in ((1, 'a'), (2, None), (3, 'c')): t.add(row)\n"
    )
    (said,) = node.run("results.mjs", url=served.url, token=served.token, code=code)
    assert (said["told"][0], said["told"][-1]) == ("submitted", "end")
    assert [page["rows"] for page in said["pages"]] == [[["1", "a"], ["2", None]], [["3", "c"]], []]
    first = said["pages"][0]
    assert (first["kind"], first["pages"], first["totalRows"]) == ("table", 2, 3)
    assert [(column["name"], column["type"]) for column in first["columns"]] == [
        ("n", "bigint"),
        ("s", "string"),
    ]


def test_the_types_name_all_that_there_is(node: Node) -> None:
    """The module exports, and its client has, what the types say and nothing else."""
    (said,) = node.run("names.mjs")
    types = (MODULE / "narthex.d.ts").read_text()
    exported = re.findall(r"^export (?:class|function) (\w+)", types, re.MULTILINE)
    assert said["exports"] == sorted(exported)
    body = types.partition("export class Client ")[2].partition("\n}")[0]
    members = set(re.findall(r"^  (?:readonly )?(\w+)[(:]", body, re.MULTILINE))
    assert set(said["members"]) == members - {"addEventListener"}


def test_the_package_is_whole() -> None:
    """The package for the npm registry has the gateway's version and names files that are there."""
    text = (MODULE / "package.json").read_text()
    assert f'"version": "{__version__}"' in text
    named = re.findall(r'"\./([\w.]+)"', text)
    assert named
    assert all(Path(MODULE / name).is_file() for name in named)


def test_the_example_of_the_documents_runs(served: Served, node: Node, tmp_path: Path) -> None:
    """The first example of the page runs with the module as the gateway serves it."""
    page = (HERE.parents[3] / "gateway" / "docs" / "javascript.md").read_text()
    code = page.partition("```js\n")[2].partition("```")[0]
    line = next(line for line in code.splitlines() if 'from "ws"' in line)
    wanted = f'import WebSocket from "{node.ws}";' if node.ws else ""
    (tmp_path / "example.mjs").write_text(code.replace(line, wanted))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "narthex.js").write_bytes(httpx.get(f"{served.url}/client.js").content)
    reported = subprocess.run(
        [node.program, "example.mjs"],
        cwd=tmp_path,
        env={**os.environ, "NARTHEX_URL": served.url, "NARTHEX_TOKEN": served.token},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert reported.stdout.splitlines() == ["1 line 1", "2 line 2", "3 line 3", "Succeed 0"]
