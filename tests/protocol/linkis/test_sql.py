"""SQL before it is run: whether there is any, and how many rows it may show (section 7.3)."""

import pytest

from protocol.dialects.linkis.sql import is_empty, most_rows


@pytest.mark.parametrize(
    ("code", "empty"),
    [
        ("-- a\n/* b /* c */ ; */ ;; # d", True),
        (" ;", True),
        ("-- a \\\n b", True),
        ("select 1", False),
        ("-- a\nselect 1", False),
        ("/* never ends", False),
        ("/*+ a hint */", False),
        ("'-- text'", False),
        ("-", False),
        ("/", False),
    ],
)
def test_nothing_but_comments(code: str, empty: object) -> None:
    """Comments nest; a comment that never ends is an error, which the engine tells."""
    assert is_empty(code, "sql") is empty
    assert not is_empty(code, "python")


def test_selects_get_a_limit() -> None:
    """What SQL shows is limited, whatever it looks like; it can be declined by a comment."""
    assert most_rows("select 1 limit 6000 offset 3", "sql") == 5000


@pytest.mark.parametrize(
    "line",
    [
        "--set ide.engine.no.limit.allow=true",
        "-- set wds.linkis.engine.no.limit.allow = TRUE",
    ],
)
def test_the_limit_can_be_declined(line: str) -> None:
    """A comment switches it off."""
    assert most_rows(f"{line}\nselect 1", "sql") == 0


@pytest.mark.parametrize("run_type", ["jdbc", "tsql", "nebula", "python", "shell"])
def test_no_limit_where_there_may_be_no_such_word(run_type: str) -> None:
    """What is sent to a database that may not know LIMIT is left alone (Linkis issue 4952)."""
    assert most_rows("select 1", run_type) == 0
