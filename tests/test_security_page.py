"""The page of attacks tells the truth, and the rules hold that are about the source itself."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "gateway" / "docs" / "security_tests.md"
LOCK = ROOT / "requirements.lock"
SHORT = {
    "t": "tests/gateway/transport",
    "a": "tests/gateway/auth",
    "j": "tests/journeys",
    "f": "tests/faults",
    "e": "tests/engines",
    "g": "tests/gateway",
}
NAMED = re.compile(r"`((?:[tajfeg]|tests)/[a-z_0-9/]+\.py)(?:::(\w+))?`")
SOURCES = sorted(
    path
    for package in ("gateway", "engines", "protocol")
    for path in (ROOT / package).rglob("*.py")
)
FORBIDDEN = re.compile(
    r"(pickle|marshal|shelve|dill)\.\w+|yaml\.(load|unsafe_load|full_load)|os\.(system|popen)"
    r"|eval|exec|tempfile\.mktemp|subprocess\.(getoutput|getstatusoutput)"
)
OF_USERS = {"engines/spark/interpreter.py", "engines/inside/narthex_kernel.py"}
"""Where code of users is run, in a process of its own."""


def rows() -> dict[str, str]:
    """Each statement and what it names as its tests."""
    found = re.findall(r"^\| (S\d\d) \| [^|]+ \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(found) == len(dict(found))
    return dict(found)


def calls() -> list[tuple[str, ast.Call, str]]:
    """Every call in the source: its file, itself, and the text of what is called."""
    return [
        (path.relative_to(ROOT).as_posix(), node, ast.unparse(node.func))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]


def test_every_statement_is_there() -> None:
    """S01 to S68, each with a test or with the reason why there is none."""
    assert sorted(rows()) == [f"S{number:02d}" for number in range(1, 69)]
    without = {name for name, tests in rows().items() if not NAMED.search(tests)}
    assert without == {"S29"}


def test_every_test_that_is_named_is_there() -> None:
    """A test that is renamed or removed takes its place on the page along."""
    missing = []
    for name, test in NAMED.findall(PAGE.read_text("utf-8")):
        first, _, rest = name.partition("/")
        file = ROOT / SHORT.get(first, "tests") / rest
        if not file.exists() or (test and not re.search(rf"def {test}\(", file.read_text("utf-8"))):
            missing.append(f"{name}::{test}")
    assert not missing


def test_every_row_of_reported_faults_is_named() -> None:
    """Rows A1 to A13, B1 to B14, C1 to C5 and D1 to D12 each stand in a test that holds them."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    lasts = {"A": 13, "B": 14, "C": 5, "D": 12}
    rows = [f"{kind}{n}" for kind, last in lasts.items() for n in range(1, last + 1)]
    named = {
        row for words in re.findall(r"[Rr]ows? ([A-D]\d[^\n:]*)", text) for row in found(words)
    }
    assert [row for row in rows if row not in named] == []


def found(words: str) -> set[str]:
    """The rows that a docstring names; of "B4 to B6" all three."""
    rows = set(re.findall(r"[A-D]\d+", words))
    for kind, first, last in re.findall(r"([A-D])(\d+) to [A-D](\d+)", words):
        rows |= {f"{kind}{number}" for number in range(int(first), int(last) + 1)}
    return rows


def test_nothing_dangerous_is_called() -> None:
    """S34, S64: no pickle, no eval, no shell, no unchecked certificate."""
    found = []
    for file, node, called in calls():
        words = {word.arg: ast.unparse(word.value) for word in node.keywords}
        loose = words.get("shell") == "True" or words.get("verify") == "False"
        if (FORBIDDEN.fullmatch(called) and file not in OF_USERS) or loose:
            found.append(f"{file}:{node.lineno}: {called}")
    assert not found


def test_chance_is_not_used_for_secrets() -> None:
    """S03: only pauses between attempts are drawn from the generator that can be predicted."""
    users = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"^\s*(import random|from random)\b", path.read_text("utf-8"), re.MULTILINE)
    }
    assert users <= {"gateway/client/plans.py"}


def test_nothing_for_developers_is_switched_on() -> None:
    """S66: Sanic's debug mode, reloader and inspector are never asked for."""
    words = {"debug", "dev", "auto_reload", "inspector", "INSPECTOR", "access_log"}
    asked = [
        (file, word.arg)
        for file, node, called in calls()
        for word in node.keywords
        if word.arg in words and "Sanic" in called + file and ast.unparse(word.value) != "False"
    ]
    assert not asked
    for path in SOURCES:
        assert not re.search(r"INSPECTOR\s*=\s*True|debug\s*=\s*True", path.read_text("utf-8")), (
            path
        )


def test_the_lock_holds_every_dependency() -> None:
    """S65: what the project asks for is pinned, each with hashes, and nothing says where from."""
    text = LOCK.read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["test"], *extras["connect"], *extras["kernel"]]
    names = {re.split(r"[\[<>=;! ]", one)[0].lower().replace("_", "-") for one in wanted}
    pinned = re.findall(
        r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==[^\n]+\\\n    --hash=sha256:", text, re.MULTILINE
    )
    assert names - {"narthex"} <= set(pinned)
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    assert "://" not in text
    assert not re.search(r"(?<![\w=])/\w+/", text)
