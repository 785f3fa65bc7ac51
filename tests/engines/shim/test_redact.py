"""Secrets are taken out of a stream, however it is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engines.shim.redact import MASK, Redactor


def through(secrets: list[str], *pieces: bytes) -> bytes:
    """What is recorded of a stream that comes in pieces."""
    redactor = Redactor(secrets)
    return b"".join(map(redactor.feed, pieces)) + redactor.end()


def test_a_secret_is_masked_wherever_it_is_cut() -> None:
    """Two writes that share a secret between them show nothing of it."""
    text = b"before s3cr3t after"
    for place in range(len(text) + 1):
        assert through(["s3cr3t"], text[:place], text[place:]) == b"before ****** after"


def test_what_only_begins_like_a_secret_is_kept() -> None:
    """The beginning of a secret that goes on otherwise, or ends there, is recorded."""
    assert through(["s3cr3t"], b"s3cr", b"x s3cr") == b"s3crx s3cr"


def test_the_longest_secret_counts() -> None:
    """A secret that holds another one is masked as a whole."""
    assert through(["pass", "password"], b"pass", b"word pass") == b"****** ******"
    assert through(["pass", "password"], b"passwo", b"men") == b"******women"


def test_lines_of_a_key_are_masked_one_by_one() -> None:
    """A secret of several lines hides its longer lines too."""
    key = "-----BEGIN-----\nabcdefghijkl\nxy\n"
    assert through([key], b"abcdefgh", b"ijkl\nxy\n") == MASK + b"\nxy\n"


def test_without_secrets_nothing_is_touched_or_held() -> None:
    """A stream without secrets goes through piece by piece; an empty secret is none."""
    assert Redactor([]).feed(b"text") == b"text"
    assert Redactor([""]).feed(b"text") == b"text"


@given(
    st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3),
    st.lists(st.binary(max_size=6).map(lambda data: bytes(b"ab\nc"[byte % 4] for byte in data))),
)
def test_cutting_changes_nothing(secrets: list[str], pieces: list[bytes]) -> None:
    """What is recorded depends on the bytes alone, and holds no secret between masks."""
    whole = b"".join(pieces)
    assert through(secrets, *pieces) == through(secrets, whole)
    for part in through(secrets, *pieces).split(MASK):
        assert not any(secret.encode() in part for secret in secrets)
