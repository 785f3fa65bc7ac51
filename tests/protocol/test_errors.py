"""Refusals: what a program can tell from them without reading the sentence."""

import ast
from pathlib import Path

from protocol.errors import GatewayError, Kind, Subject

ROOT = Path(__file__).resolve().parents[2]
CORE = [
    path
    for package in ("gateway", "protocol")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "dialects" not in path.parts
]


def test_a_refusal_is_about_nothing_unless_it_says_so() -> None:
    """The subject is there for every refusal, and empty by default."""
    assert GatewayError(Kind.INVALID, "no").subject is Subject.NONE
    error = GatewayError(Kind.NOT_FOUND, "no", field="user", subject=Subject.USER)
    assert (str(error), error.field, error.subject) == ("no", "user", "user")


def test_whatever_is_not_there_is_named() -> None:
    """Every "not found" and "gone" of the core says of which thing it speaks."""
    silent = []
    for path in CORE:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            first = ast.unparse(node.args[0])
            raised = ast.unparse(node.func) in {"GatewayError", "super().__init__"}
            if raised and first in {"Kind.NOT_FOUND", "Kind.GONE"}:
                named = {keyword.arg for keyword in node.keywords}
                if "subject" not in named:
                    silent.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not silent
