"""Accounts and tokens on the files of a data folder."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.tokens import Tokens, load_key, make_key
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from tests.gateway.cli.command import narthex


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a signing key."""
    paths = DataPaths.of(tmp_path / "data")
    paths.prepare()
    make_key(paths.token_key)
    return paths.data


def add(data: Path, name: str, *options: str) -> None:
    """Adds a user."""
    more = (*options, "--password-stdin", "--data-dir", str(data))
    narthex("user", "add", name, *more, stdin="correct horse\n")


def rows(*words: str | Path) -> list[dict[str, Any]]:
    """What a command prints with ``--json``."""
    return [json.loads(line) for line in narthex(*words, "--json").stdout.splitlines()]


def test_the_life_of_a_user(data: Path) -> None:
    """A user is added, listed, changed, given another password and removed."""
    add(data, "ann", "--email", "ann@example.org")
    add(data, "root", "--admin")
    before = (data / "directory.json").read_text()
    found = rows("user", "list", "--data-dir", data)
    assert [(row["name"], row["role"], row["groups"]) for row in found] == [
        ("ann", "user", ["default"]),
        ("root", "admin", ["admin", "default"]),
    ]
    assert found[0]["email"] == "ann@example.org"
    table = narthex("user", "list", "--data-dir", data).stdout.splitlines()
    assert [line.split()[:3] for line in table] == [
        ["USER", "ROLE", "GROUPS"],
        ["ann", "user", "default"],
        ["root", "admin", "admin,default"],
    ]
    narthex("user", "passwd", "ann", "--password-stdin", "--data-dir", data, stdin="another one\n")
    assert (data / "directory.json").read_text() != before
    narthex("user", "set", "ann", "--email", "", "--admin", "--data-dir", data)
    (shown,) = rows("user", "show", "ann", "--data-dir", data)
    assert (shown["role"], shown["email"]) == ("admin", "")
    assert "role: admin" in narthex("user", "show", "ann", "--data-dir", data).stdout
    narthex("user", "set", "ann", "--no-admin", "--data-dir", data)
    narthex("user", "remove", "ann", "--data-dir", data)
    assert "ann" not in narthex("user", "list", "--data-dir", data).stdout


def test_the_life_of_a_group(data: Path) -> None:
    """A group is added, joined, changed, left and removed."""
    add(data, "ann")
    narthex("group", "add", "gpu", "--queue", "gpu", "--description", "d", "--data-dir", data)
    narthex("group", "join", "gpu", "ann", "--data-dir", data)
    found = {row["name"]: row for row in rows("group", "list", "--data-dir", data)}
    assert set(found) == {"admin", "default", "gpu"}
    assert (found["gpu"]["queues"], found["gpu"]["admin"]) == (["gpu"], False)
    (member,) = rows("user", "list", "--group", "gpu", "--data-dir", data)
    assert (member["name"], member["queues"]) == ("ann", ["default", "gpu"])
    narthex("group", "set", "gpu", "--no-queues", "--admin", "--data-dir", data)
    assert rows("user", "show", "ann", "--data-dir", data)[0]["role"] == "admin"
    add(data, "root", "--admin", "--group", "gpu")
    assert "gpu" in narthex("group", "list", "--data-dir", data).stdout
    narthex("group", "leave", "gpu", "ann", "--data-dir", data)
    narthex("group", "remove", "gpu", "--data-dir", data)
    assert "gpu" in narthex("group", "remove", "gpu", "--data-dir", data, code=1).stderr


def test_refusals(data: Path) -> None:
    """What cannot be done is refused in one line, and has not been done."""
    add(data, "ann")
    add(data, "root", "--admin")
    again = ("--password-stdin", "--data-dir", data)
    twice = narthex("user", "add", "ann", *again, stdin="correct horse\n", code=1)
    assert "ann" in twice.stderr
    short = narthex("user", "add", "bob", *again, stdin="1234567\n", code=1)
    assert "a password has 8 to 1024 characters" in short.stderr
    assert "eve" in narthex("user", "remove", "eve", "--data-dir", data, code=1).stderr
    last = narthex("user", "remove", "root", "--data-dir", data, code=1)
    assert "last administrator" in last.stderr
    asked = narthex("user", "passwd", "ann", "--data-dir", data, code=2)
    assert "--password-stdin" in asked.stderr
    nothing = narthex("user", "set", "ann", "--data-dir", data, code=2)
    assert "nothing to change" in nothing.stderr
    nowhere = narthex("user", "list", "--data-dir", data / "nowhere", code=1)
    assert "there is no data folder" in nowhere.stderr
    assert not (data / "nowhere").exists()
    assert [row["name"] for row in rows("user", "list", "--data-dir", data)] == ["ann", "root"]


def test_a_token(data: Path) -> None:
    """A token speaks for its user for as long as was asked, and is all that is printed."""
    add(data, "ann")
    printed = narthex("token", "--user", "ann", "--ttl", "90", "--data-dir", data).stdout
    tokens = Tokens(load_key(DataPaths.of(data).token_key), 1000)
    claims = tokens.read(printed.strip(), now_ms())
    assert (claims.name, claims.facts.by) == ("ann", "")
    assert claims.facts.expires - claims.facts.issued == 90
    narthex("token", "--user", "eve", "--data-dir", data, code=1)
    narthex("token", "--user", "ann", "--ttl", "0", "--data-dir", data, code=2)
    assert "--user" in narthex("token", "--data-dir", data, code=2).stderr


def test_tokens_are_listed_and_revoked(data: Path) -> None:
    """By id, by themselves, or all at once; a list shows none of them."""
    add(data, "ann")
    made = [
        narthex("token", "--user", "ann", *more, "--data-dir", data).stdout.strip()
        for more in ((), ("--application",), ())
    ]
    listed = narthex("token", "list", "--user", "ann", "--data-dir", data).stdout
    assert not [token for token in made if token in listed]
    found = rows("token", "list", "--user", "ann", "--data-dir", data)
    assert sorted(row["kind"] for row in found) == ["application", "browser", "browser"]
    application = next(row["id"] for row in found if row["kind"] == "application")
    narthex("token", "revoke", application, "--user", "ann", "--data-dir", data)
    narthex("token", "revoke", made[0], "--user", "ann", "--data-dir", data)
    assert len(rows("token", "list", "--user", "ann", "--data-dir", data)) == 1
    said = narthex("token", "revoke", "--all", "--user", "ann", "--data-dir", data).stdout
    assert said == "revoked 1 token of ann\n"
    assert rows("token", "list", "--user", "ann", "--data-dir", data) == []
    narthex("token", "revoke", "--user", "ann", "--data-dir", data, code=2)
    narthex("token", "revoke", "0" * 32, "--user", "ann", "--data-dir", data, code=1)


def test_what_is_changed_is_in_the_audit_log(data: Path) -> None:
    """Who did what with whom and what came of it, without a password or a token."""
    add(data, "ann", "--admin")
    token = narthex("token", "--user", "ann", "--application", "--data-dir", data).stdout.strip()
    narthex("user", "remove", "ann", "--data-dir", data, code=1)
    narthex("user", "list", "--data-dir", data)
    log = data / "audit.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    lines = log.read_text().splitlines()
    assert len(lines) == 3
    for line, words in zip(
        lines,
        (
            ("action=add-user", "result=done", "user=ann", "groups=admin"),
            ("action=issue-token", "result=done", "user=ann", "kind=application"),
            ("action=remove-user", "result=conflict", "user=ann"),
        ),
        strict=True,
    ):
        assert "event=audit" in line
        assert 'address="command line"' in line
        assert 'who="owner ' in line
        assert all(word in line for word in words), line
        assert "correct horse" not in line
        assert token not in line
