"""What a session says of itself, whoever wrote it."""

from pathlib import Path

import pytest

from engines.rundir.directory import RunDir
from engines.session.host import STATUS
from engines.session.sessions import SessionStatus, status

SAID = '{"state": %s, "run": "r", "statements": %s, "used_ms": 3}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SAID % ('"busy"', "2"), SessionStatus("busy", "r", 2, 3)),
        (SAID % ('"nonsense"', "2"), SessionStatus()),
        (SAID % ('"busy"', "1e400"), SessionStatus()),
        ("[" * 100_000, SessionStatus()),
        ("[]", SessionStatus()),
        ("", SessionStatus()),
    ],
    ids=["true", "word", "number", "deep", "list", "empty"],
)
def test_what_a_session_says(tmp_path: Path, text: str, found: SessionStatus) -> None:
    """Its own words count; anything else is as if it had said nothing yet."""
    (tmp_path / STATUS).write_text(text)
    assert status(RunDir(tmp_path)) == found
