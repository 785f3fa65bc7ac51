"""Variables and dates in code, by table."""

import time

import pytest

from protocol.dialects.linkis.dates import Calendar, formatted
from protocol.dialects.linkis.variables import directives, substituted
from protocol.errors import GatewayError, Kind

NOW = 1_582_983_296_123  # 2020-02-29 13:34:56.123 UTC
QUICK = 5.0  # seconds; a pattern that tries everything twice takes minutes
CALENDAR = Calendar.of("20200228", NOW)


@pytest.mark.parametrize(
    ("name", "shift", "text"),
    [
        ("run_date", 0, "20200228"),
        ("run_date", -28, "20200131"),
        ("run_date_std", 2, "2020-03-01"),
        ("run_today", 0, "20200229"),
        ("run_today_std", 1, "2020-03-01"),
        ("run_today_h", 0, "2020022913"),
        ("run_today_hour_std", -14, "2020-02-28 23"),
        ("run_month_begin", 0, "20200201"),
        ("run_month_end", 0, "20200229"),
        ("run_month_end_std", -1, "2020-01-31"),
        ("run_month_now_begin", -2, "20191201"),
        ("run_mon", 0, "202002"),
        ("run_mon_std", 11, "2021-01"),
        ("run_mon_start", 0, "202001"),
        ("run_mon_end", 0, "202012"),
        ("run_mon_now", 0, "202002"),
        ("run_current_mon_now", 0, "202002"),
        ("run_last_mon_now", 0, "202001"),
        ("run_quarter_begin", 0, "20200101"),
        ("run_quarter_end", 1, "20200630"),
        ("run_half_year_begin", -1, "20190701"),
        ("run_half_year_now_end", 0, "20200630"),
        ("run_year_begin", 0, "20200101"),
        ("run_year_begin_std", -3, "2017-01-01"),
        ("run_year_end", 10, "20301231"),
        ("run_date", -600_000, "03770601"),
        ("run_month_begin_std", -20_000, "0353-06-01"),
        ("run_mon_std", -20_000, "0353-06"),
        ("run_today_hour", -14_000_000, "0423011905"),
        ("run_year_begin", -3000, None),
        ("run_century", 0, None),
    ],
)
def test_date_variables(name: str, shift: int, text: str | None) -> None:
    """Each family counts in its own unit, from run_date or from the day after it."""
    assert CALENDAR
    assert CALENDAR.value(name, shift) == text


def test_run_date_is_yesterday() -> None:
    """Without a run_date it is the day before the submit; nonsense is refused."""
    calendar = Calendar.of("", NOW)
    assert calendar
    assert calendar.value("run_date") == "20200228"
    assert Calendar.of("20200230", NOW) is None
    assert Calendar.of("soon", NOW) is None


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("yyyyMMdd%-1d", "20200228"),
        ("yyyy-MM-dd HH:mm:ss", "2020-02-29 13:34:56"),
        ("yyyyMM%+1M", "202003"),
        ("yyyy%-1y", "2019"),
        ("HH%-14H", "23"),
        ("mm%+30m", "04"),
        ("ss%+4s", "00"),
        ("yyyy%nonsense", None),
        ("yyyyy", None),
        ("yyyy%-9999y", None),
        ("--", None),
    ],
)
def test_formats(expression: str, text: str | None) -> None:
    """A pattern is the present moved by what follows it."""
    assert formatted(expression, NOW) == text


@pytest.mark.parametrize(
    ("code", "run_type", "variables", "expected"),
    [
        ("select ${a}", "sql", {"a": "1"}, "select 1"),
        ("select ${ a + 2 }", "sql", {"a": "1"}, "select 3"),
        ("select ${a*2.5}, ${a/4}, ${a-9}", "hql", {"a": "1"}, "select 2.5, 0.25, -8"),
        ("select '${a+_x}'", "sql", {"a": "t"}, "select 't_x'"),
        ("select ${a+1}", "sql", {"a": "007"}, "select 0071"),
        ("--@set a=5\nselect ${a}", "sql", {"a": "1"}, "\nselect 5"),
        ("-- @set a = 5 ;\r\nselect ${a}", "sql", {}, "\nselect 5"),
        ("#@set a=5\necho ${a}", "shell", {}, "\necho 5"),
        ("//@set a=5\nval x = ${a}", "scala", {}, "\nval x = 5"),
        ("!!@set a=5\n${a}", "java", {}, "\n5"),
        ("--@set a=5\n${a}", "shell", {}, "--@set a=5\n${a}"),
        ("echo ${HOME} $HOME ${x:-1}", "sh", {}, "echo ${HOME} $HOME ${x:-1}"),
        ("${run_date-1} ${run_date}", "sql", {"run_date": "20200301"}, "20200229 20200301"),
        ("${run_year_begin*2}", "sql", {}, "${run_year_begin*2}"),
        ("${user} ${submit_user}", "sql", {}, "ann ann"),
        ("&{yyyyMMdd%-1d} &{no}", "sql", {}, "20200228 &{no}"),
        ("--@settle a=5", "sql", {}, "--@settle a=5"),
        ("#@set a=1\n${a}", "json", {"a": "2"}, "#@set a=1\n2"),
        ("#@set a=1\n${a}", "r", {"a": "2"}, "#@set a=1\n${a}"),
    ],
)
def test_substitution(code: str, run_type: str, variables: dict[str, str], expected: str) -> None:
    """What is known is put in, what is not stays, and directives go before the request's own."""
    assert substituted(code, run_type, variables, user="ann", now_ms=NOW) == expected


@pytest.mark.parametrize(
    ("code", "variables"),
    [
        ("--@set a", {}),
        ("--@set a=b=c", {}),
        ("--@set =b", {}),
        ("${a-x}", {"a": "1"}),
        ("${a/0}", {"a": "1"}),
        ("select 1", {"run_date": "yesterday"}),
    ],
)
def test_what_cannot_be_put_in_is_refused(code: str, variables: dict[str, str]) -> None:
    """A malformed directive, impossible arithmetic or a false date names itself."""
    with pytest.raises(GatewayError) as refused:
        substituted(code, "sql", variables, user="ann", now_ms=NOW)
    assert refused.value.field


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("${a+1}", "12345678901234567890123456788", "12345678901234567890123456789"),
        ("${a-0.1}", "1234567890123456789012345678901", "1234567890123456789012345678900.9"),
        (
            "${a*1000000001}",
            "1234567890123456789012345678901",
            "1234567891358024679135802467913345678901",
        ),
        ("${a*-1}", "0", "0"),
        ("${a/3}", "1", "0.3333333333333333333333333333"),
    ],
)
def test_sums_and_products_are_exact(code: str, value: str, expected: str) -> None:
    """However many digits there are, none of them is rounded away; a quotient has 28."""
    assert substituted(code, "sql", {"a": value}, user="ann", now_ms=NOW) == expected


@pytest.mark.parametrize(
    "code",
    ["${a" + " " * 40_000, "${a+" + " " * 40_000, "${" * 40_000, "&{" * 40_000, "${ }" * 40_000],
    ids=["blanks", "operand", "open", "formats", "nothing"],
)
def test_a_reference_that_never_ends_costs_no_time(code: str) -> None:
    """What is no reference is left within moments, since nobody else is served meanwhile."""
    began = time.monotonic()
    assert substituted(code, "sql", {"a": "1"}, user="ann", now_ms=NOW) == code
    assert time.monotonic() - began < QUICK


def test_code_does_not_grow_beyond_all_measure() -> None:
    """Many references to a long text are refused before they fill the memory."""
    with pytest.raises(GatewayError) as refused:
        substituted("${a}" * 200_000, "sql", {"a": "x" * 100_000}, user="ann", now_ms=NOW)
    assert refused.value.kind is Kind.TOO_LARGE


def test_global_variables_stand_behind_the_request() -> None:
    """A user's global variable is used where the request says nothing."""
    found = substituted(
        "${a}${b}", "sql", {"a": "1"}, user="ann", now_ms=NOW, global_variables={"a": "8", "b": "9"}
    )
    assert found == "19"


def test_directives_are_found_line_by_line() -> None:
    """The rest of the code keeps its lines."""
    assert directives("a\n--@set x=1\nb\n", "sql") == ("a\n\nb\n", {"x": "1"})
