"""The words that the field has a term for do not come back as names: see the glossary."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for top in ("engines", "gateway", "protocol", "tests")
    for path in (ROOT / top).rglob("*.py")
)
SCRIPTS = sorted((ROOT / "gateway" / "stores" / "scripts").rglob("*.lua"))
KINDS = {".c", ".css", ".h", ".html", ".js", ".lua", ".md", ".mjs", ".py", ".toml", ".ts", ".txt"}
BUILT = {"node_modules", "codemirror", "__pycache__", "out", "transcripts"}
"""Folders of files that others wrote, or a program, or of literal texts of a contract."""
TOPS = (".ci", ".github", "engines", "gateway", "protocol", "tests")
TEXTS = sorted(
    path
    for path in (*ROOT.glob("*"), *(found for top in TOPS for found in (ROOT / top).rglob("*")))
    if path.suffix in KINDS
    and not BUILT.intersection(path.relative_to(ROOT).parts)
    and path != Path(__file__)
)
PROGRAMS = [
    path
    for path in TEXTS
    if path.suffix in {".c", ".h", ".js", ".lua", ".ts"} and not path.is_relative_to(ROOT / "tests")
]

WORDS = {
    "bell": "notification, notifier",
    "bells": "notifications",
    "bygone": "reindex_finished",
    "census": "leak_check",
    "chronicle": "kill_recorder",
    "course": "run_reconciler",
    "doorbell": "notification",
    "forgo": "cancel_reservation",
    "haste": "fast_clock",
    "hear": "receive, learn",
    "heard": "received, on_notification",
    "house": "runner_process",
    "intake": "upload_writer",
    "revival": "bulk_restore",
    "roster": "live_runs",
    "scarcity": "throttle_accept_errors",
    "steady": "clock_guard",
    "told": "reported, on_event",
    "unborn": "preforked_child",
    "vouch": "index_lease",
    "vouched": "lease_held",
    "vouching": "index_lease",
    "wish": "request_kill, kill_request",
    "wished": "requested",
    "wishes": "requests",
}
"""Parts of names that are out, with what stands for them."""

NAMES = {
    "_LOOK_SECONDS": "_POLL_SECONDS",
    "Admission": "QueueConsumer",
    "Allowance": "CreditWindow",
    "Calls": "TimeoutExecutor",
    "Driven": "SessionProcess",
    "Link": "RedisClient",
    "Live": "LiveRuns, LiveRun",
    "Order": "LaunchRequest, StatementRequest",
    "Patience": "Backoff",
    "Pipe": "PipelinedConnection",
    "PLACES": "QUEUE_MEMBERSHIP",
    "Places": "DataPaths",
    "Said": "RenderedPageCache",
    "Tail": "Subscription",
    "Vouching": "IndexLease",
    "Waits": "LongPollLimiter",
    "Wire": "WebSocketConnection",
    "Word": "IndexStatus",
    "_log": "_journal",
    "last_word": "exit_record",
    "speak_once": "throttle_accept_errors",
}
"""Whole names that are out: their words mean something else in other places."""

FILES = (
    *("aboard", "admit", "driven", "exchange", "folders", "judge", "keeping", "last_word"),
    *("patience", "roster", "scarcity", "steady", "tails", "verdict", "visitor", "vouch"),
)
"""Names of modules that are out."""

THERE = (
    ("engines/", "watch", "process_supervisor"),
    ("engines/", "Watch", "ProcessSupervisor"),
    ("engines/", "judge", "classify_exit"),
    ("gateway/auth/", "Sessions", "LoginService"),
    ("gateway/garbage.py", "settle", "freeze_gc"),
    ("gateway/stores/", "files", "atomic_file"),
    ("gateway/stores/", "said", "encode"),
)
"""Modules, classes and functions that are out in one place and mean something else in others."""

PROSE = {
    r"gateway for good\b": "a permanent gateway",
    r"\bhow far (a|the|each)( running)? (task|run|group|member) is\b": "the status of",
    r"\bhow far (it|each) is\b": "its status",
    r"\bwhen the wish is\b": "once the request is saved",
    r"\bthere is no engine\b": "unknown engine X (available: ...)",
    r"\bgives credit\b": "limits with credits",
    r"\bname that is nobody's is\b": "if no user matches",
    r"\bstatement is told once\b": "arrives together with its end event",
    r"\bfigures for prometheus\b": "Prometheus metrics",
    r"\bthe house\b": "the gateway",
    r"\bbells?\b": "notification",
    r"\bfloors\b": "layers",
    r"\brings\b": "notifies",
    r"\bwish(es|ed)?\b": "request",
}
"""What is not said to people either, in any file: a pattern without capitals, and what is said."""

SCRIPT_FILES = ("absent", "beat", "forgo", "note", "place", "raise", "take", "vouched")
"""Names of scripts that are out."""


def parts(name: str) -> set[str]:
    """The words of a name, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a file gives: classes, functions, arguments, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield node.lineno, name
            case ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case _:
                pass


def wrong(name: str) -> str:
    """What should stand for a name, empty if it may stand."""
    if name.startswith("test_"):
        return ""
    return NAMES.get(name, "") or next((WORDS[one] for one in parts(name) if one in WORDS), "")


@pytest.mark.parametrize("name", ["_told", "wished_ms", "Bells", "Link", "PortWish", "LOST_BELL"])
def test_a_word_that_is_out_is_found(name: str) -> None:
    """Also in the middle of a name and in another case."""
    assert wrong(name)


@pytest.mark.parametrize("name", ["link", "order", "places", "PLACE", "settled", "stolid"])
def test_other_names_may_stand(name: str) -> None:
    """A word that is out as one name may be a part of another."""
    assert not wrong(name)


def test_names_are_those_of_the_field() -> None:
    """No class, function, argument, variable or attribute has a name that is out.

    In tests, what was told or heard may be called so: nothing that a reader has to look up.
    """
    plain = {"told", "hear", "heard"}
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} (say {wrong(name)})"
        for path in SOURCES
        for line, name in names(ast.parse(path.read_text(), str(path)))
        if wrong(name) and not (path.is_relative_to(ROOT / "tests") and plain & parts(name))
    ]
    assert not found, "\n".join(found)


def test_files_have_names_of_the_field() -> None:
    """No module and no script has a name that is out."""
    found = [path.name for path in SOURCES + PROGRAMS if path.stem in FILES or wrong(path.stem)]
    found += [path.name for path in SCRIPTS if path.stem in SCRIPT_FILES or wrong(path.stem)]
    assert not found


def test_no_name_is_out_of_place() -> None:
    """A word that is the right one elsewhere does not come back where it was the wrong one."""
    found = [
        f"{path.relative_to(ROOT)}: {name} (say {term})"
        for path in SOURCES
        for place, name, term in THERE
        if path.relative_to(ROOT).as_posix().startswith(place)
        and (path.stem == name or name in definitions(ast.parse(path.read_text(), str(path))))
    ]
    assert not found, "\n".join(found)


def definitions(tree: ast.Module) -> set[str]:
    """The classes and functions of a module, and the methods of its classes."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_other_languages_have_names_of_the_field_too() -> None:
    """The native shim, and scripts of browser, editor and Redis; a wire keeps its names."""
    wire = {"wishedTime", "wished_ms"}
    found = [
        f"{path.relative_to(ROOT)}: {name} (say {wrong(name)})"
        for path in PROGRAMS
        for name in sorted(set(re.findall(r"[A-Za-z_]\w*", code(path))))
        if wrong(name) and name not in wire
    ]
    assert not found, "\n".join(found)


def code(path: Path) -> str:
    """A program without what is for people: its comments and its texts."""
    comment = r"--.*" if path.suffix == ".lua" else r"/\*.*?\*/|//[^\n]*"
    texts = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"
    flags = 0 if path.suffix == ".lua" else re.DOTALL
    return re.sub(f"({texts})|{comment}", "", path.read_text("utf-8"), flags=flags)


def test_nothing_is_called_so_in_prose() -> None:
    """Pages, messages and comments have the field's words as well."""
    found = []
    for path in TEXTS:
        text = path.read_text("utf-8")
        if path.name == "keys.py":
            text = text.replace('f"{_ROOT}bell"', "")  # data of users
        lines = text.lower().splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{number}: {pattern} (say {term})"
            for number, line in enumerate(lines, 1)
            for pattern, term in PROSE.items()
            if re.search(pattern, line)
        ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["it tells how far a task is", "A gateway for good", "its wishes"])
def test_prose_that_is_out_is_found(text: str) -> None:
    """The patterns can match."""
    assert any(re.search(pattern, text.lower()) for pattern in PROSE)
