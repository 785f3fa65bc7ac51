"""Words for which code is refused, if the configuration lists any (section 7.4)."""

import json

import pytest

from protocol.commands.tasks import Execute
from protocol.dialects.linkis import LinkisDialect
from protocol.dialects.linkis.files_script import SubmitAfter
from protocol.dialects.linkis.submission import RuleError
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.routing import Found, Router
from tests.protocol.linkis.scenes import ROOT

REFUSED = {
    "shell": ["rm", "kill", ".sh"],
    "python": ["os.system"],
    "scala": ["sc.stop"],
    "sql": [],
}


def asked(code: str, run_type: str = "shell", **settings: object) -> object:
    """What a submit asks for, of a dialect with these settings."""
    path = f"{ROOT}/entrance/execute"
    body = {"executeApplicationName": "x", "runType": run_type, "executionCode": code}
    found = Router(LinkisDialect(settings).routes).match("POST", path)
    assert isinstance(found, Found)
    return found.route.parse(Request("POST", path, body=json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("code", "run_type", "word"),
    [
        ("ls; rm -r x", "shell", "rm"),
        ("(kill 1)", "sh", "kill"),
        ("bash x.sh", "sh", ".sh"),
        ("import os; os.system('x')", "pyspark", "os.system"),
        ("sc.stop()", "scala", "sc.stop"),
    ],
)
def test_words_that_are_refused(code: str, run_type: str, word: str) -> None:
    """Code that holds one is refused by rule, and told which; nothing is without the setting."""
    with pytest.raises(RuleError) as caught:
        asked(code, run_type, refused=REFUSED)
    assert (caught.value.kind, caught.value.field) == (Kind.FORBIDDEN, "executionCode")
    assert repr(word) in caught.value.message
    assert caught.value.execute.code == code
    assert isinstance(asked(code, run_type), Execute)


@pytest.mark.parametrize(
    ("code", "run_type"),
    [
        ("farm rms kill_me skill x.shx", "shell"),
        ("os.systems", "python"),
        ("rm", "python"),
        ("drop rm", "sql"),
    ],
)
def test_words_count_as_a_whole(code: str, run_type: str) -> None:
    """A longer word is another word, and each language has its own list."""
    assert isinstance(asked(code, run_type, refused=REFUSED), Execute)


def test_what_is_put_in_is_checked() -> None:
    """A word that a variable brings is refused like one that stood there."""
    command = asked("${what} -r x", refused=REFUSED)
    assert isinstance(command, SubmitAfter)
    made = command.next({"what": "ls"})
    assert isinstance(made, Execute)
    assert made.code == "ls -r x"
    with pytest.raises(RuleError):
        command.next({"what": "rm"})


@pytest.mark.parametrize(
    "refused",
    [
        [],
        "rm",
        {"shell": "rm"},
        {"shell": [""]},
        {"shell": [1]},
        {"shell": ["x" * 101]},
        {"shell": ["x"] * 201},
    ],
)
def test_lists_that_are_none(refused: object) -> None:
    """What is no table of lists of words is refused at the start."""
    with pytest.raises(GatewayError) as caught:
        LinkisDialect({"refused": refused})
    assert (caught.value.kind, caught.value.field) == (Kind.INVALID, "refused")
