"""What becomes of code between the wire and the core (section 7), and for whom it may be sent."""

import json
from typing import Any

import pytest

from protocol.commands.tasks import Execute
from protocol.dialects.linkis.submission import RuleError, parse_execute
from protocol.errors import GatewayError, Kind
from protocol.http import Request

NOW = 1_582_983_296_123  # 2020-02-29 13:34:56.123 UTC


def parsed(code: str, run_type: str = "sql", user: str = "ann", **more: Any) -> Execute:  # noqa: ANN401 - JSON
    """The command that a body of ``execute`` becomes."""
    body = {
        "executeApplicationName": "spark",
        "runType": run_type,
        "executionCode": code,
        "requestApplicationName": "BI",
        **more,
    }
    request = Request("POST", "/x", body=json.dumps(body).encode(), now_ms=NOW, user=user)
    return parse_execute(request, "h:1")


def variables(**values: object) -> dict[str, object]:
    """The params that set variables."""
    return {"variable": values}


@pytest.mark.parametrize(
    ("code", "run_type", "params", "result"),
    [
        ("select ${run_date}", "sql", {}, "select 20200228"),
        ("select '${run_date_std-1}'", "hql", {}, "select '2020-02-27'"),
        ("echo ${day}", "shell", variables(day="mon"), "echo mon"),
        ("echo ${n+1}", "shell", variables(n=41), "echo ${n+1}"),
        ("echo ${user}", "sh", {}, "echo ann"),
        ("echo ${unknown}", "shell", {}, "echo ${unknown}"),
        ("--@set a=1\nselect ${a}", "sql", variables(a="2"), "\nselect 1"),
        ("#@set a=1\nprint(${a})", "python", {}, "\nprint(1)"),
        ("select ${run_date}", "sql", variables(run_date="20200228", x=None), "select 20200228"),
        ("select &{yyyyMMdd%-1d}", "sql", {}, "select 20200228"),
        ("val x = ${a}", "scala", variables(a=7), "val x = 7"),
        ("${a}", "r", variables(a=7), "${a}"),
        ("select 1 -- one", "sql", {}, "select 1 -- one"),
        ("echo 1 # -- one", "shell", {}, "echo 1 # -- one"),
    ],
)
def test_variables_and_comments(
    code: str, run_type: str, params: dict[str, object], result: str
) -> None:
    """Directives before parameters, dates from yesterday on, comments as written (7.1, 7.2)."""
    assert parsed(code, run_type, params=params).code == result


def test_variables_of_a_submit() -> None:
    """The other style of body says its variables in the same place."""
    body = {
        "executionContent": {"code": "echo ${a}", "runType": "shell"},
        "params": variables(a="b"),
        "labels": {"engineType": "shell-1", "userCreator": "ann-BI"},
    }
    request = Request("POST", "/x", body=json.dumps(body).encode(), now_ms=NOW, user="ann")
    assert parse_execute(request, "h:1").code == "echo b"


@pytest.mark.parametrize(
    ("creator", "code", "more", "rows"),
    [
        ("IDE", "select 1", {}, 5000),
        ("", "select 1", {}, 5000),
        ("BI", "select 1", {}, 0),
        ("IDE", "--set ide.engine.no.limit.allow=true\nselect 1", {}, 0),
        ("IDE", "select 1", {"variables": False}, 0),
    ],
)
def test_only_the_editor_is_limited(
    creator: str, code: str, more: dict[str, Any], rows: int
) -> None:
    """Rows B4, B5: selects are limited for the creator IDE, unless a comment declines it (7.3).

    The code is never rewritten for it.
    """
    found = parsed(code, requestApplicationName=creator, **more)
    assert (found.rows, found.code) == (rows, code)


@pytest.mark.parametrize(
    ("run_type", "code", "result"),
    [
        ("sql", "\ufeff--@set a=1\nselect ${a}", "\nselect 1"),
        ("python", "\ufeffprint(1)", "print(1)"),
        ("sh", "\ufeff\ufeffecho 1", "echo 1"),
        ("scala", "\ufeffval a = 1", "val a = 1"),
    ],
)
def test_a_byte_order_mark_is_no_code(run_type: str, code: str, result: str) -> None:
    """Row B2: it is taken off before anything is read, also of code to the letter."""
    assert parsed(code, run_type).code == result
    assert parsed(code, run_type, variables=False).code == code.lstrip("\ufeff")


def test_code_to_the_letter() -> None:
    """``variables: false`` is an extension for who means exactly what is written."""
    code = "--@set a=1\nselect ${run_date} -- as it is"
    assert parsed(code, variables=False).code == code


@pytest.mark.parametrize(
    ("code", "run_type", "number"),
    [
        ("-- nothing\n/* at all */ ;;", "sql", 20014),
        ("#@set a=1", "shell", 20015),
        ("--@set a", "sql", 20044),
        ("--@set a=b=c\nselect 1", "sql", 20044),
        ("select ${user-1}", "sql", 20049),
    ],
)
def test_code_that_is_refused(code: str, run_type: str, number: int) -> None:
    """The submit can be read, so that a websocket can make a failed task of it (4.3, 7.1)."""
    with pytest.raises(RuleError) as caught:
        parsed(code, run_type)
    assert caught.value.kind is Kind.INVALID
    assert caught.value.message.startswith(f"error code({number}): ")
    assert caught.value.execute.code == code


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (1.5, "1.5")])
def test_section_9_point_10_variables_of_other_types(value: object, text: str) -> None:
    """Linkis section 9, point 10: the web clients' switches are booleans; numbers are digits."""
    assert parsed("select '${a}'", params=variables(a=value)).code.startswith(f"select '{text}'")


@pytest.mark.parametrize("value", [[], {}])
def test_a_variable_that_is_no_text(value: object) -> None:
    """It is malformed, with its path."""
    with pytest.raises(GatewayError) as caught:
        parsed("select 1", params=variables(a=value))
    assert not isinstance(caught.value, RuleError)
    assert caught.value.field == "params.variable.a"


@pytest.mark.parametrize(
    ("user", "more", "owner"),
    [
        ("ann", {}, ""),
        ("ann", {"executeUser": "ann"}, ""),
        ("ann", {"executeUser": "Ann"}, ""),
        ("root", {"executeUser": "ann"}, "ann"),
        ("", {}, ""),
    ],
)
def test_for_whom(user: str, more: dict[str, Any], owner: str) -> None:
    """``executeUser`` names another; whether that is allowed is decided elsewhere (2.3)."""
    assert parsed("select 1", user=user, **more).owner == owner


@pytest.mark.parametrize(
    ("user", "label", "more"),
    [("ann", "bob-IDE", {}), ("root", "bob-IDE", {"executeUser": "ann"})],
)
def test_a_label_of_somebody_else(user: str, label: str, more: dict[str, str]) -> None:
    """The user in ``userCreator`` must be the one for whom the task is (3.2)."""
    body = {
        "executionContent": {"code": "true", "runType": "shell"},
        "labels": {"engineType": "shell", "userCreator": label},
        **more,
    }
    request = Request("POST", "/x", body=json.dumps(body).encode(), user=user)
    with pytest.raises(RuleError, match=r"error code\(50079\)") as caught:
        parse_execute(request, "h:1")
    assert caught.value.kind is Kind.FORBIDDEN


def test_a_label_in_other_letters() -> None:
    """Users are compared without regard to case, and names may hold hyphens (2.1, 3.3)."""
    body = {
        "executionContent": {"code": "true", "runType": "shell"},
        "labels": {"engineType": "shell", "userCreator": "Hadoop-X-IDE"},
    }
    request = Request("POST", "/x", body=json.dumps(body).encode(), user="hadoop-x")
    assert parse_execute(request, "h:1").owner == ""
