"""How a run ended, in words."""

from __future__ import annotations

import pytest

from gateway.cli.endings import ending_words


@pytest.mark.parametrize(
    ("status", "exit_code", "died_of", "words"),
    [
        ("Succeed", 0, None, "exit code 0"),
        ("Failed", 7, None, "exit code 7"),
        ("Failed", None, 11, "signal 11"),
        ("Cancelled", 0, None, ""),
        ("Cancelled", 3, None, "exit code 3"),
        ("Cancelled", None, 9, "signal 9"),
        ("Timeout", 0, None, ""),
        ("Failed", None, None, ""),
    ],
)
def test_what_is_said_beside_a_status(
    status: str, exit_code: int | None, died_of: int | None, words: str
) -> None:
    """Never exit code 0 beside a status that is no success."""
    assert ending_words(status, exit_code, died_of) == words
