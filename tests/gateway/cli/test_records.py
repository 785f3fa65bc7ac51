"""What ``--json`` prints, held against the schema in the docs, command by command."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import jsonschema  # type: ignore[import-untyped]
import pytest

import gateway
from gateway.cli import main, reference
from gateway.stores import keys
from tests.faults.redis_server import own_redis
from tests.gateway.cli.command import NARTHEX, clean_environment
from tests.support.served import Served, admin_password, serving
from tests.support.waiting import wait_until_sync

Records = Callable[..., list[dict[str, Any]]]
SCHEMA = json.loads((Path(gateway.__file__).parent / "docs" / "cli.schema.json").read_text())
FORMATS = jsonschema.FormatChecker(())
NOTHING: dict[str, tuple[str, ...]] = {
    "run": ("true",),
    "submit": ("true",),
    "signal": ("USR1", "1"),
    "limit": ("5", "1"),
    "ps": (),
    "sessions": (),
    "queue list": (),
}
"""What the commands that ask a gateway are given besides, if it is not the number of a task."""


def is_moment(value: object) -> bool:
    """ISO 8601 with a zone and milliseconds."""
    if not isinstance(value, str):
        return True
    return datetime.fromisoformat(value).tzinfo is not None and "." in value


FORMATS.checks("date-time")(is_moment)


def commands() -> dict[str, click.Command]:
    """All commands by their words; a group only if it does something by itself."""
    return {
        words: one
        for words, one in reference.commands()
        if not isinstance(one, click.Group) or one.invoke_without_command
    }


def command_of(words: tuple[str, ...]) -> str:
    """Which command a command line means."""
    pair = " ".join(words[:2])
    return pair if pair in commands() else words[0]


def check(record: dict[str, Any]) -> None:
    """Holds a record against the schema of its type."""
    known = SCHEMA["$defs"][record["type"]]
    jsonschema.Draft202012Validator(known, format_checker=FORMATS).validate(record)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as running:
        yield running


@pytest.fixture
def said(
    served: Served,
    capfdbinary: pytest.CaptureFixture[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Records:
    """Runs a command in this process; its records on stdout, or on stderr if it failed."""
    monkeypatch.setenv("NARTHEX_CONTEXTS", str(tmp_path / "contexts.json"))

    def run(
        *words: str, code: int | None = 0, folder: bool | Path = True, stdin: str = ""
    ) -> list[dict[str, Any]]:
        data = served.data if folder is True else folder
        more = ("--data-dir", str(data)) if data else ()
        end = words.index("--") if "--" in words else len(words)
        typed = tmp_path / "typed"
        typed.write_text(stdin)
        with typed.open() as file:
            monkeypatch.setattr("sys.stdin", file)
            with pytest.raises(SystemExit) as ended:
                main([*words[:end], "--json", *more, *words[end:]])
        printed = capfdbinary.readouterr()
        assert code is None or (ended.value.code or 0) == code, printed.err
        records = [json.loads(line) for line in (printed.err if code else printed.out).splitlines()]
        for record in records:
            check(record)
            by = SCHEMA["$defs"][record["type"]].get("x-commands", ())
            assert record["type"] == "error" or command_of(words) in by, record
        return records

    return run


def test_the_schema_names_every_command() -> None:
    """It is valid itself, lists each type once, and says which commands print it: all of them."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    types = SCHEMA["$defs"]
    assert SCHEMA["oneOf"] == [{"$ref": f"#/$defs/{name}"} for name in types]
    for name, one in types.items():
        assert one["properties"]["type"] == {"const": name}
        assert one["additionalProperties"] is False
    named = {words for one in types.values() for words in one.get("x-commands", ())}
    assert named == set(commands())


@pytest.mark.parametrize("words", sorted(commands()))
def test_each_command_takes_json_and_fails_as_json(said: Records, words: str) -> None:
    """What makes no sense is a record on stderr, and so is a gateway that is down."""
    (error,) = said(*words.split(), "--no-such-option", folder=False, code=2)
    assert (error["type"], error["kind"], error["exit_code"]) == ("error", "usage", 2)
    if any("--server" in param.opts for param in commands()[words].params):
        more = ("--server", "http://127.0.0.1:1", "--token", "t")
        (error,) = said(*words.split(), *NOTHING.get(words, ("1",)), *more, folder=False, code=69)
        assert (error["type"], error["kind"]) == ("error", "unreachable")


def test_tasks(said: Records) -> None:
    """From a submit to its removal every record has the same names for the same things."""
    words = ("--name", "mine", "--label", "k=v", "--hold")
    (submitted,) = said("submit", 'echo "$1"', *words, "--", "x")
    (row,) = said("ps", "--label", "k=v")
    assert (row["number"], row["exec_id"]) == (submitted["number"], submitted["exec_id"])
    assert (row["state"], row["name"], row["owner"]) == ("held", "mine", "admin")
    assert said("tag", "mine", "--add", "more")[0]["tags"] == ["k=v", "more"]
    assert said("resume", "mine")[0]["number"] == row["number"]
    assert said("wait", "mine")[0]["state"] == "succeeded"
    kinds = [record["type"] for record in said("logs", "mine", "--tail", "5")]
    assert kinds == ["line", "end"]
    assert said("logs", "mine", "--stderr", "--no-follow") == []
    assert [one["event"] for one in said("events", "mine")][-1] == "ended"
    (again,) = said("rerun", "mine")
    said("wait", str(again["number"]))
    assert said("status", str(again["number"]))[0]["exit_code"] == 0
    (waiting,) = said("submit", "true", "--hold")
    assert said("kill", str(waiting["number"]))[0]["type"] == "request"
    (waiting,) = said("submit", "true", "--hold")
    assert said("kill", "--wait", str(waiting["number"]))[0]["type"] == "kill"
    assert said("rm", str(again["number"]), str(row["number"]))[0]["type"] == "done"
    assert row["number"] not in [one["number"] for one in said("ps", "-a")]


def test_control(said: Records) -> None:
    """What is asked of a task that waits or runs answers with how the task then is."""
    (asked,) = said("submit", "trap : USR2; echo up; while :; do sleep 0.1; done")
    number = str(asked["number"])
    assert said("sessions") == []
    assert said("limit", "600", number)[0]["limit_seconds"] == 600
    wait_until_sync(lambda: bool(said("logs", number, "--no-follow")), "its first line")
    assert said("hold", number, code=1)[0]["kind"] in {"conflict", "refused"}
    assert said("suspend", number)[0]["type"] == "control"
    assert said("resume", number)[0]["type"] == "control"
    assert said("signal", "USR2", number)[0]["type"] == "control"
    (waiting,) = said("submit", "true", "--start-at", "1h")
    assert said("hold", str(waiting["number"]))[0]["state"] == "held"
    assert said("cancel", "--wait", str(waiting["number"]))[0]["type"] == "kill"
    assert said("cancel", number, "--wait", "--grace", "0")[0]["state"] == "killed"


def test_values(said: Records) -> None:
    """A table has its columns with their types, in run, in logs and in results alike."""
    code = "import narthex; narthex.table([('ann', 1)], ['who', 'n'])"
    python = ("--engine", "python", "--session", "none", "--name", "table")
    (table,) = [one for one in said("run", code, *python) if one["type"] == "table"]
    assert [table] == said("results", "table")
    assert table in said("logs", "table")
    assert table["columns"] == [{"name": "who", "type": "string"}, {"name": "n", "type": "long"}]
    assert said("results", "table", "--set", "7", code=1)[0]["kind"] == "failed"


def test_a_run(said: Records) -> None:
    """A run tells its acceptance, its states, its lines and its end."""
    kinds = [one["type"] for one in said("run", "echo a; echo b >&2")]
    assert kinds[0] == "submitted"
    assert kinds[-1] == "end"
    assert kinds.count("line") == 2


def test_people(said: Records) -> None:
    """Users, groups and tokens: what there is has a type of its own, what was done is ``done``."""
    assert said("user", "list")[0]["name"] == "admin"
    done = said("user", "add", "ann", "--password-stdin", stdin="a long enough one\n")
    assert done == [{"type": "done", "action": "user add", "subject": "ann"}]
    assert said("user", "show", "ann")[0]["role"] == "user"
    assert said("user", "set", "ann", "--email", "a@b.example")[0]["type"] == "done"
    assert said("user", "passwd", "ann", "--password-stdin", stdin="another long one\n")
    assert {one["name"] for one in said("group", "list")} >= {"admin", "default"}
    assert said("group", "add", "night")[0]["action"] == "group add"
    assert said("group", "set", "night", "--description", "x")[0]["action"] == "group set"
    assert said("group", "join", "night", "ann", "admin")[1]["subject"] == "admin night"
    assert said("group", "leave", "night", "ann")[0]["action"] == "group leave"
    assert said("group", "remove", "night")[0]["action"] == "group remove"
    assert said("token", "--user", "ann")[0]["type"] == "token"
    (issued,) = said("token", "list", "--user", "ann")
    assert issued["type"] == "issued_token"
    assert said("token", "revoke", issued["id"], "--user", "ann")[0]["subject"] == "ann"
    assert said("user", "remove", "ann")[0]["action"] == "user remove"
    assert said("user", "show", "ann", code=1)[0]["kind"] == "failed"


def test_the_pool(said: Records) -> None:
    """Queues and leaves are shown as they then are, however they were asked for."""
    (made,) = said("queue", "put", "night", "--share", "20")
    assert (made["type"], made["share"]) == ("queue", 20)
    assert said("queue", "stop", "night")[0]["status"] == "stopped"
    assert said("queue", "start", "night")[0]["status"] == "running"
    assert {"running", "waiting", "share"} <= said("queue", "list")[0].keys()
    assert said("queue", "drop", "night")[0]["type"] == "done"
    assert said("queue", "drop", "night", code=1)[0]["kind"] == "failed"
    (leaf,) = said("resources", "add", "/node=new{1}/core={1}")
    assert said("resources", "state", str(leaf["id"]), "dead")[0]["state"] == "dead"
    assert said("resources", "drop", str(leaf["id"]))[0]["type"] == "done"
    assert said("resources", "list")[0]["type"] == "leaf"


def test_the_machine(said: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found about this machine, its settings, its data and its Redis."""
    assert said("check-config")[0]["ok"] is True
    (tmp_path / "wrong.toml").write_text("[server]\nprot = 1\n")
    (fault,) = said("check-config", str(tmp_path / "wrong.toml"), code=None)
    assert (fault["type"], fault["ok"]) == ("config", False)
    assert said("doctor", code=None)[0]["type"] == "check"
    assert said("doctor", "--verify")[0]["ok"] is True
    assert said("node", "show")[0]["type"] == "node"
    assert said("node", "forget", "--yes", code=1)[0]["kind"] == "failed"
    with own_redis(tmp_path / "redis") as redis:
        monkeypatch.setenv("NARTHEX_REDIS_URL", f"unix://{redis.socket}")
        redis.client.set(keys.NODE.key(), "gone")
        assert said("node", "forget", "--yes", folder=tmp_path / "d")[0]["subject"] == "gone"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert said("completion", "bash", folder=False)[0]["shell"] == "bash"
    assert said("completion", "bash", "--install", folder=False)[0]["type"] == "done"
    (error,) = said("serve", code=1)
    assert "serves" in error["message"]


def test_a_gateway_that_is_ready(tmp_path: Path) -> None:
    """``serve --json`` tells where it serves and where its first password stands."""
    words = ("serve", "--json", "--port", "0", "--data-dir", str(tmp_path / "data"))
    with subprocess.Popen(
        [*NARTHEX, *words], stdout=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        assert process.stdout
        try:
            ready = json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    check(ready)
    assert ready["server"].startswith("http://127.0.0.1:")
    assert Path(ready["password_file"]).read_text().strip()


def test_contexts(said: Records, served: Served, tmp_path: Path) -> None:
    """A login makes a context that only its user can read; commands then mean that gateway."""
    password = admin_password(served.data)
    words = ("login", served.url, "--user", "admin", "--context", "here")
    (made,) = said(*words, folder=False, stdin=f"{password}\n")
    assert (made["name"], made["user"], made["current"]) == ("here", "admin", True)
    assert (tmp_path / "contexts.json").stat().st_mode & 0o777 == 0o600
    assert said("ps", "-a", "--limit", "1", folder=False) is not None
    assert [one["name"] for one in said("context", folder=False)] == ["here"]
    assert said("ps", "--context", "other", folder=False, code=2)[0]["kind"] == "usage"
    assert said("logout", folder=False)[0]["current"] is False
    assert said("context", folder=False) == []
    (tmp_path / "contexts.json").chmod(0o644)
    assert "0600" in said("ps", folder=False, code=1)[0]["message"]


@pytest.mark.parametrize(
    ("server", "token", "code", "kind", "words"),
    [
        ("http://127.0.0.1:1", "t", 69, "unreachable", "connection refused"),
        ("http://nowhere.invalid", "t", 69, "unreachable", "host is not known"),
        ("https://{address}", "t", 69, "unreachable", "no TLS at that address"),
        ("http://{address}", "nonsense", 77, "unauthenticated", "narthex login"),
    ],
)
def test_gateways_that_do_not_serve(
    said: Records, served: Served, server: str, token: str, code: int, kind: str, words: str
) -> None:
    """Down, unknown, without TLS, or not believing who asks: one record with its exit code."""
    url = server.format(address=served.url.removeprefix("http://"))
    for command in (("ps",), ("run", "true"), ("logs", "1")):
        (error,) = said(*command, "--server", url, "--token", token, folder=False, code=code)
        assert (error["kind"], error["exit_code"]) == (kind, code)
        assert words in error["message"]
