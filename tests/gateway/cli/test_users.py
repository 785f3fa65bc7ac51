"""Accounts and tokens on the files of a data folder."""

import json
from pathlib import Path

import pytest

from gateway.auth.tokens import Tokens, load_key, make_key
from gateway.clock import now_ms
from gateway.places import Places
from tests.gateway.cli.command import narthex


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a signing key."""
    places = Places.of(tmp_path / "data")
    places.prepare()
    make_key(places.token_key)
    return places.data


def test_the_life_of_a_user(data: Path) -> None:
    """A user is added, listed, given another password and removed."""
    narthex("user", "add", "ann", "--password-stdin", "--data-dir", data, stdin="first\n")
    narthex("user", "add", "root", "--admin", "--password-stdin", "--data-dir", data, stdin="x\n")
    before = (data / "accounts.json").read_text()
    rows = narthex("user", "list", "--json", "--data-dir", data).stdout.splitlines()
    assert [json.loads(row) for row in rows] == [
        {"name": "ann", "role": "user"},
        {"name": "root", "role": "admin"},
    ]
    table = narthex("user", "list", "--data-dir", data).stdout.splitlines()
    assert [line.split()[:2] for line in table] == [
        ["USER", "ROLE"],
        ["ann", "user"],
        ["root", "admin"],
    ]
    narthex("user", "passwd", "ann", "--password-stdin", "--data-dir", data, stdin="second\n")
    assert (data / "accounts.json").read_text() != before
    narthex("user", "remove", "ann", "--data-dir", data)
    assert "ann" not in narthex("user", "list", "--data-dir", data).stdout


def test_refusals(data: Path) -> None:
    """A name in use, an unknown name and an empty password are refused in one line."""
    narthex("user", "add", "ann", "--password-stdin", "--data-dir", data, stdin="x\n")
    twice = narthex(
        "user", "add", "ann", "--password-stdin", "--data-dir", data, stdin="x\n", code=1
    )
    assert "ann" in twice.stderr
    empty = narthex(
        "user", "add", "bob", "--password-stdin", "--data-dir", data, stdin="\n", code=1
    )
    assert "password" in empty.stderr
    assert "eve" in narthex("user", "remove", "eve", "--data-dir", data, code=1).stderr
    asked = narthex("user", "passwd", "ann", "--data-dir", data, code=2)
    assert "--password-stdin" in asked.stderr


def test_a_token(data: Path) -> None:
    """A token speaks for its user for as long as was asked, and is all that is printed."""
    narthex("user", "add", "ann", "--password-stdin", "--data-dir", data, stdin="x\n")
    printed = narthex("token", "--user", "ann", "--ttl", "90", "--data-dir", data).stdout
    tokens = Tokens(load_key(Places.of(data).token_key), 1000)
    claims = tokens.read(printed.strip(), now_ms())
    assert claims.name == "ann"
    assert claims.expires - claims.issued == 90
    narthex("token", "--user", "eve", "--data-dir", data, code=1)
    narthex("token", "--user", "ann", "--ttl", "0", "--data-dir", data, code=2)
