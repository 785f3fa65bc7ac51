"""Row B1: what of ``${name}`` is the gateway's, and what the language's own."""

import contextlib
import subprocess
import time
from pathlib import Path

import pytest

from protocol.dialects.linkis.variables import substituted
from protocol.errors import GatewayError

NOW = 1_582_983_296_123  # 2020-02-29 13:34:56.123 UTC
QUICK = 8.0  # seconds, on a busy machine; what tries everything twice takes minutes


def filled(code: str, run_type: str, **variables: str) -> str:
    """The code as it will run, for the user ann."""
    return substituted(code, run_type, variables, user="ann", now_ms=NOW)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("echo ${user-nobody}", "nobody"),
        ("echo ${user:-nobody} ${user:=set} ${user}", "nobody set set"),
        ("echo ${user}", "ann"),
        ("echo '${user}' \"${user}\"", "ann ann"),
        ("run_date=2020; echo ${run_date}", "2020"),
        ("run_today=1 run_mon=2\necho ${run_today} ${run_mon} ${run_date}", "1 2 20200228"),
        ("run_date=${run_date}; echo ${run_date}", "20200228"),
        ("echo ${run_date}; run_date=2020; echo ${run_date}", "20200228\n2020"),
        ("echo ${run_date-1} ${run_month_begin_std}", "20200227 2020-02-01"),
        ("echo user=${user}; echo ${user}", "user=ann\nann"),
        ("user=bob true; echo ${user}", "ann"),
        ("export A=1 user=bob\necho ${user}", "bob"),
        ("user=$(echo $(echo bob)); echo ${user}", "bob"),
        ('user="bob b"; echo ${user/b/B} ${user} ${#user}', "Bob b bob b 5"),
        ("for user in bob eve; do echo ${user}; done", "bob\neve"),
        ("echo bob | while IFS= read -r user; do echo ${user}; done", "bob"),
        ("read -r user <<< bob; echo ${user}", "bob"),
        ("((user=3)); echo ${user}", "3"),
        ("let user=3; echo ${user}", "3"),
        ("printf -v user %s bob; echo ${user}", "bob"),
        ("user=(bob eve); echo ${user[1]} ${user}", "eve bob"),
        ("show() {\n  echo ${user}\n}\nuser=bob\nshow", "bob"),
        ("show() { local user=bob; echo ${user}; }\nshow", "bob"),
        ("cat <<EOF\nuser=${user}\nEOF\necho ${user}", "user=ann\nann"),
        ("echo \\${user} \\\\${user}", "${user} \\ann"),
        ("# @set of users = a = b\n# ${user-x} ${user*2}\necho 1", "1"),
        ("echo 'please read user'; echo ${user}", "please read user\nann"),
        ("true &{ printf 'dd '; printf 'MM'; }", "dd MM"),
        ("if true; then user=bob; fi; echo ${user}", "bob"),
        ("unset user; echo ${user}none", "none"),
    ],
)
def test_a_shell_says_what_it_would_say(code: str, said: str) -> None:
    """Row B1: what is bash's stays bash's, an assignment wins, and plain names are filled in."""
    script = filled(code, "shell")
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.rstrip("\n") == said, script


@pytest.mark.parametrize(
    "form",
    [
        *("#{}", "{}%x", "{}^^", "{}:0:1", "!{}", "{}[0]", "{}+x", "{}//a/b", " {} ", "{}@Q"),
        *("{}*2", "{}+1"),
    ],
)
def test_other_forms_are_the_shells(form: str) -> None:
    """Row B1: only the plain name of a known variable is filled in."""
    code = "echo ${" + form.format("user") + "}"
    assert filled(code, "sh") == code


@pytest.mark.parametrize(
    ("run_type", "code", "result"),
    [
        ("python", "user = 'b'; f'${user}' '${user}'", "user = 'b'; f'${user}' 'ann'"),
        ("python", "user = f'${user}'\nf'${user}'", "user = f'ann'\nf'${user}'"),
        ("python", "f'${user}'", "f'ann'"),
        ("python", "def f(user): rf'''\n${user}'''", "def f(user): rf'''\n${user}'''"),
        ("python", 'for user in x: f"${user:>3} ${user}"', 'for user in x: f"${user:>3} ${user}"'),
        ("python", "# ${user-x} ${user}\nf'${user-x}'", "# ${user-x} ann\nf'${user-x}'"),
        ("py", "run_date = 1\nprint('${run_date}')", "run_date = 1\nprint('20200228')"),
        ("scala", 'val user = "b"; s"${user}" "${user}"', 'val user = "b"; s"${user}" "ann"'),
        ("scala", 's"${user} $${user}"', 's"ann $${user}"'),
        ("scala", 'xs.map(user => f"${user}%s")', 'xs.map(user => f"${user}%s")'),
        ("scala", 'val user = s"${user}"\ns"${user}"', 'val user = s"ann"\ns"${user}"'),
        ("sql", "set user=b;\nselect '${user}'", "set user=b;\nselect '${user}'"),
        ("sql", "select '${user}'; set user=b", "select 'ann'; set user=b"),
        ("sql", "set x=${user}; select '${user}'", "set x=ann; select 'ann'"),
        ("sql", "-- ${user-x}\nselect '${user}'", "-- ${user-x}\nselect 'ann'"),
        ("sql", "-- @set nothing here\nselect 1", "-- @set nothing here\nselect 1"),
        ("sql", "-- @set a = b = c\nselect 1", "-- @set a = b = c\nselect 1"),
        ("json", '{"a": "${user}"}', '{"a": "ann"}'),
    ],
)  # fmt: skip
def test_what_other_languages_put_in_is_theirs(run_type: str, code: str, result: str) -> None:
    """Row B1: f-strings, interpolated strings and settings of Spark, of names that are set."""
    assert filled(code, run_type) == result


def test_impossible_sums_are_refused_where_they_are_meant() -> None:
    """Row B1: in a comment or a string of the language nothing can be meant; elsewhere it is."""
    with pytest.raises(GatewayError, match="20049"):
        filled("-- ${user-x}\nselect ${user-x}", "sql")


def test_directives_leave_their_lines() -> None:
    """Row B6: a directive leaves a blank line, so that errors name the lines of the author."""
    assert filled("#@set a=1\n# @set b = 2 ;\r\nprint(${a}, ${b})", "python") == "\n\nprint(1, 2)"


def test_an_error_names_the_line_of_its_author(tmp_path: Path) -> None:
    """Row B6: below directives and comments an error in line 5 says line 5."""
    script = tmp_path / "script.sh"
    script.write_text(filled("#@set a=1\n# one\n# two\n# three\nnope_${a}", "sh"))
    run = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    assert "line 5: nope_1" in run.stderr
    with pytest.raises(ZeroDivisionError) as caught:
        exec(filled("#@set a=0\n# one\n\n\n1 / ${a}", "python"), {})  # noqa: S102 - as an engine does
    assert caught.traceback[-1].lineno == 4  # counted from 0


@pytest.mark.parametrize("run_type", ["sh", "python", "scala", "sql"])
def test_time_is_linear(run_type: str) -> None:
    """Row B1: hostile code is read within moments: nobody else is served meanwhile."""
    began = time.process_time()
    for piece in (
        *("user=", "user=${user};", 'user="', "a=$(", "${user}", "f() {\n", "f'", 'f"${user-x}"'),
        *("'''", 's"""', "# ${user-x} ", "<<EOF\n", "x=1 ", "read user ", "val user ", "def user("),
        *(
            "Z",
            "_",
            "import",
            "0",
            "a[",
            "user=>",
            "set user=",
            "export ",
            "(",
            "((user",
            "-- ${user-x} ",
            "/*",
            "a=`",
        ),
    ):
        with contextlib.suppress(GatewayError):  # a sum of texts outside of comments
            filled(piece * (200_000 // len(piece)) + "\nuser=1", run_type)
    assert time.process_time() - began < QUICK
