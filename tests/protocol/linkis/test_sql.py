"""SQL before it is run: what is taken out of it, and where it gets a limit (section 7.3)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.dialects.linkis.sql import limited, uncommented

QUICK = 5.0  # seconds; a pattern that tries everything twice takes minutes


@pytest.mark.parametrize(
    ("code", "bare"),
    [
        ("select 1", "select 1"),
        ("select 1 -- one", "select 1 "),
        ("-- one\nselect 1\n# two\n", "\nselect 1\n\n"),
        ("select/* one */1", "select 1"),
        ("select 1 /* never ends", "select 1  "),
        ("select '-- no', '# no', '/* no */'", "select '-- no', '# no', '/* no */'"),
        ('select "it\'s -- no" -- yes', 'select "it\'s -- no" '),
        ("select 'it\\'s -- no' -- yes", "select 'it\\'s -- no' "),
        ("select 'it''s -- no' -- yes", "select 'it''s -- no' "),
        ("select `a--b` from t", "select `a--b` from t"),
        ("select /*+ BROADCAST(t) */ 1", "select /*+ BROADCAST(t) */ 1"),
        ("-- a; b\n/* c; */ ;", "\n  ;"),
        ("select /*+ it's */ 1 -- yes", "select /*+ it's */ 1 "),
        ("select 1 where 'never -- ends", "select 1 where 'never "),
        ('it\'s "so" `x -- yes\n" # y', 'it\'s "so" `x \n" '),
        ("/*+ ` \" ' -- yes", "/*+ ` \" ' "),
    ],
)
def test_comments_go(code: str, bare: str) -> None:
    """Comments go, whatever looks like one in quotes stays, and so do hints."""
    assert uncommented(code, "sql") == bare


def test_a_backslash_is_only_a_letter_where_the_standard_holds() -> None:
    """In standard SQL the quote after a backslash ends the text."""
    assert uncommented("select 'a\\' -- yes", "psql") == "select 'a\\' "
    assert uncommented("select 'a\\' -- no'", "sql") == "select 'a\\' -- no'"


@pytest.mark.parametrize("run_type", ["python", "shell", "scala", "json", "sh"])
def test_other_code_keeps_its_comments(run_type: str) -> None:
    """Only SQL is read."""
    assert uncommented("echo 1 # one -- two", run_type) == "echo 1 # one -- two"


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("select 1", "select 1 limit 5000"),
        ("SELECT 1;\n", "SELECT 1 limit 5000;\n"),
        ("select 1 limit 10", "select 1 limit 10"),
        ("select 1 LIMIT 5001", "select 1 LIMIT 5000"),
        ("select 1 limit 9, 6000", "select 1 limit 9, 5000"),
        ("select 1 limit 9000, 60 ;", "select 1 limit 9000, 60 ;"),
        ("select 1 limit 6000 offset 3", "select 1 limit 5000 offset 3"),
        ("select 1 from (select 2 limit 3)", "select 1 from (select 2 limit 3) limit 5000"),
        (
            "select ';' ; show tables;select 2",
            "select ';' limit 5000 ; show tables;select 2 limit 5000",
        ),
        ("select 'limit 7'", "select 'limit 7' limit 5000"),
        ("select 'wait for update'", "select 'wait for update' limit 5000"),
        ("select `limit all`", "select `limit all` limit 5000"),
        ("select 1 limit " + "9" * 5000, "select 1 limit 5000"),
        ("select 1 limit 0004999", "select 1 limit 0004999"),
        ("set x=it's; select 1", "set x=it's; select 1 limit 5000"),
        ("select 1 fetch first 3 rows only", "select 1 fetch first 3 rows only"),
        ("select 1 for update", "select 1 for update"),
        ("insert into t select 1", "insert into t select 1"),
        ("selected", "selected"),
        ("", ""),
    ],
)
def test_selects_get_a_limit(code: str, result: str) -> None:
    """Each select by itself, if it has no limit of its own or one that is too large."""
    assert limited(code, "sql", code) == result


@pytest.mark.parametrize(
    "code",
    [
        "select '" + "\\'" * 40_000,
        'select "' + '\\"' * 40_000,
        "select `" + "\\'" * 40_000,
        "select ';" + "fetch first " * 40_000 + "';'",
        "select " + "for update " * 40_000 + "';'",
        "select 1 limit 1" + " " * 40_000 + "x",
        "select 1 " + "limit 1 " * 40_000 + "x",
        "/*" * 40_000,
        "/*+" * 40_000,
        "--" + " " * 40_000,
    ],
)
def test_what_never_ends_costs_no_time(code: str) -> None:
    """However a text repeats itself it is read within moments: nobody else is served meanwhile."""
    began = time.monotonic()
    limited(uncommented(code, "sql"), "sql", code)
    assert time.monotonic() - began < QUICK


@pytest.mark.parametrize(
    "line",
    [
        "--set ide.engine.no.limit.allow=true",
        "-- set wds.linkis.engine.no.limit.allow = TRUE",
    ],
)
def test_the_limit_can_be_declined(line: str) -> None:
    """A comment switches it off."""
    assert limited("select 1", "sql", f"{line}\nselect 1") == "select 1"


@pytest.mark.parametrize("run_type", ["jdbc", "tsql", "nebula", "python", "shell"])
def test_no_limit_where_there_may_be_no_such_word(run_type: str) -> None:
    """What may not know LIMIT does not get one (Linkis issue 4952)."""
    assert limited("select 1", run_type, "select 1") == "select 1"


@given(st.text(alphabet="a'\"`;-#/*+ \n\\", max_size=40))
def test_reading_twice_changes_nothing_more(code: str) -> None:
    """What was limited once is as limited as it gets."""
    once = limited(code, "sql", code)
    assert limited(once, "sql", once) == once
