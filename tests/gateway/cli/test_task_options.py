"""What a task may have, from the command line and from the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.client import AsyncClient, Client, End, Line
from tests.gateway.cli.command import narthex
from tests.support.served import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway


def test_variables_and_secrets(served: Served, tmp_path: Path) -> None:
    """Variables come from options, files and this environment; a secret is masked in the log."""
    (tmp_path / "e").write_text("# no variable\n\nexport A=1\nB='two words'\n")
    (tmp_path / "s").write_text("hidden words\n")
    words = ["--env-file", str(tmp_path / "e"), "-e", "A=over=it", "--env", "HERE"]
    words += ["--secret", "KEY", "--secret", f"FILE=@{tmp_path / 's'}"]
    code = 'echo "$A|$B|$HERE|${#KEY}|${#FILE}"; echo "$KEY"'
    done = narthex(
        "run", code, *words, "--data-dir", served.data, more={"HERE": "h", "KEY": "topsecret"}
    )
    first, second = done.stdout.splitlines()
    assert first == "over=it|two words|h|9|12"
    assert "topsecret" not in second


@pytest.mark.parametrize("session", ["", "none"])
async def test_the_client_has_the_same(served: Served, session: str) -> None:
    """``execute`` and ``run`` take variables and limits, also for a statement of a session."""
    code = "import os; print(os.environ['A'], len(os.environ['KEY']))"
    with Client(served.url, served.token) as client:
        task = client.execute(
            code, engine="python", session=session, env={"A": "x"}, secrets={"KEY": "12345678"}
        )
        lines = [item.text for item in client.follow(task.exec_id) if isinstance(item, Line)]
        assert lines == ["x 8"]
        *_, end = [item for batch in client.stream("sleep 60", timeout=0.2) for item in batch]
        assert isinstance(end, End)
        assert end.status == "Timeout"
    async with AsyncClient(served.url, served.token) as later:
        items = [
            item
            async for batch in later.stream("echo $A", env={"A": "y"}, queue_timeout=60)
            for item in batch
        ]
        assert [item.text for item in items if isinstance(item, Line)] == ["y"]


def test_a_time_limit(served: Served) -> None:
    """A run that takes longer is ended, and its exit code says so."""
    done = narthex("run", "sleep 60", "--timeout", "0.2", "--data-dir", served.data, code=124)
    assert "stopped at its time limit" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "code", "said", "printed"),
    [
        ("x.py", "print(1 + 1)", "python, language python", "2\n"),
        ("x.sh", "echo $((1 + 1))", "shell, language sh", "2\n"),
        (
            "x",
            "#!/usr/bin/env python3\nprint(3)",
            "python, language python",
            "3\n",
        ),
        (
            "y",
            "#!/bin/bash\necho ${BASH_VERSION:+yes}",
            "shell, language bash",
            "yes\n",
        ),
        ("z", "echo 4", "", "4\n"),
    ],
)
def test_the_language_of_a_file(
    served: Served, tmp_path: Path, name: str, code: str, said: str, printed: str
) -> None:
    """A file is run by what its suffix or its first line says, and that is reported."""
    (tmp_path / name).write_text(code)
    done = narthex("run", "-f", tmp_path / name, "--no-tables", "--data-dir", served.data)
    assert (done.stdout, done.stderr) == (printed, f"narthex: engine {said}\n" if said else "")


def test_submit_takes_them_too(served: Served) -> None:
    """A submitted task has its variables; code may come from stdin."""
    words = ("submit", "-f", "-", "--json", "-e", "A=5", "--data-dir", served.data)
    accepted = json.loads(narthex(*words, stdin="echo $A").stdout)
    reported = narthex("logs", str(accepted["number"]), "--data-dir", served.data)
    assert reported.stdout == "5\n"


@pytest.mark.parametrize("parent", ["nonsense", "00-\udcff", "00-" + "0" * 32 + "-" + "0" * 16])
def test_a_place_in_a_trace_that_is_none(served: Served, parent: str) -> None:
    """What is wrong in the environment keeps nobody from running code."""
    more = {"TRACEPARENT": parent, "TRACESTATE": "=,="}
    assert narthex("submit", "true", "--data-dir", served.data, more=more).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--env", "=x"], "--env takes NAME=VALUE"),
        (["--env", "NOT_THERE_AT_ALL"], "no such variable"),
        (["--secret", "A=hidden"], "from the environment or =@FILE"),
        (["--secret", "NOT_THERE_AT_ALL"], "no such variable"),
        (["--secret", "A=@/nowhere/at/all"], "cannot read /nowhere/at/all"),
        (["--env-file", "/nowhere/at/all"], "cannot read /nowhere/at/all"),
        (["--conf", "x"], "--conf takes NAME=VALUE"),
        (["--timeout", "-1"], "--timeout"),
    ],
)
def test_what_makes_no_sense(words: list[str], said: str) -> None:
    """A bad option is one line, before anything is run; a secret's value is not repeated."""
    done = narthex("run", "echo never", *words, code=None)
    assert done.returncode in {1, 2}
    assert said in done.stderr.splitlines()[-1]
    assert "hidden" not in done.stderr
    assert done.stdout == ""


def test_a_queue(served: Served) -> None:
    """``--queue`` is the queue that a task waits in: one that is stopped takes none."""
    folder = ("--data-dir", served.data)
    narthex("queue", "put", "night", *folder)
    assert narthex("run", "--queue", "night", "echo in", *folder).stdout == "in\n"
    narthex("queue", "stop", "night", *folder)
    assert "night" in narthex("submit", "--queue", "night", "true", *folder, code=1).stderr
    assert "nowhere" in narthex("submit", "--queue", "nowhere", "true", *folder, code=1).stderr
    assert narthex("run", "echo in", *folder).stdout == "in\n"


def test_after_others(served: Served) -> None:
    """``--after`` takes numbers and names, and the task starts when they have ended."""
    folder = ("--data-dir", served.data)
    narthex("submit", "--hold", "--name", "before", "exit 3", *folder)
    words = ("submit", "--after", "before", "--name", "later", "echo then")
    later = narthex(*words, *folder).stdout.split()[0]
    assert json.loads(narthex("status", later, "--json", *folder).stdout)["waiting_reason"]
    narthex("resume", "before", *folder)
    assert narthex("logs", "later", *folder).stdout == "then\n"
    rows = narthex("ps", "-a", "--json", *folder).stdout.splitlines()
    times = {one["name"]: one for one in map(json.loads, rows)}
    assert times["later"]["started"] >= times["before"]["finished"]
    missed = narthex("submit", "--after", "not-there", "true", *folder, code=1)
    assert "no task called 'not-there'" in missed.stderr


def test_a_time_to_start_at(served: Served) -> None:
    """Before ``--start-at`` a task waits, and says for what; a time that is none is refused."""
    folder = ("--data-dir", served.data)
    words = ("submit", "--start-at", "1h", "--name", "tonight", "true")
    narthex(*words, *folder)
    waiting = json.loads(narthex("status", "tonight", "--json", *folder).stdout)
    assert (waiting["state"], bool(waiting["waiting_reason"])) == ("queued", True)
    assert "is no time" in narthex("submit", "--start-at", "soon", "true", code=2).stderr
    narthex("kill", "tonight", *folder)


def test_lines_since(served: Served) -> None:
    """``--since`` begins with the first line of that time or later, also between two lines."""
    folder = ("--data-dir", served.data)
    narthex("run", "--name", "timed", "for i in 1 2 3; do echo $i; sleep 0.1; done", *folder)
    rows = [
        json.loads(row) for row in narthex("logs", "timed", "--json", *folder).stdout.splitlines()
    ]
    for line in rows[:3]:
        shown = narthex("logs", "timed", "--since", line["time"], *folder).stdout.split()
        assert shown == [str(number) for number in range(line["line"], 4)]
    assert narthex("logs", "timed", "--since", "1h", *folder).stdout == "1\n2\n3\n"
    words = ("logs", "timed", "--since", "2090-01-01", "--no-follow")
    assert narthex(*words, *folder).stdout == ""
    assert "give one of" in narthex("logs", "timed", "--since", "1h", "-n", "1", code=2).stderr


def test_edited_and_run_again(served: Served, tmp_path: Path) -> None:
    """``rerun --edit`` runs what the editor saved, with all the rest as it was, or nothing."""
    folder = ("--data-dir", served.data)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "$1" > "$0.saw"; sed -i s/one/two/ "$1"\n')
    editor.chmod(0o755)
    code = 'echo "one $A"'
    number = narthex("submit", "-e", "A=kept", code, *folder).stdout.split()[0]
    more = {"EDITOR": str(editor), "VISUAL": ""}
    again = narthex("rerun", "--edit", number, *folder, more=more).stdout.split()[0]
    assert narthex("logs", again, *folder).stdout == "two kept\n"
    assert narthex("logs", number, *folder).stdout == "one kept\n"
    assert (tmp_path / "editor.saw").read_text().strip().endswith(".sh")
    nothing = narthex("rerun", "--edit", number, *folder, more={**more, "EDITOR": "true"}, code=1)
    assert "nothing was saved" in nothing.stderr
