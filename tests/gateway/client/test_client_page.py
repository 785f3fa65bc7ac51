"""Both clients have the same names, and each call an example for its page."""

import ast
import inspect
from typing import Any

import pytest

import gateway.client
from tests.support.client_reference import signature

PAIRS = [(name.removeprefix("Async"), name) for name in gateway.client.__all__ if "Async" in name]


def public(name: str) -> dict[str, Any]:
    """The methods of a class of the client."""
    kind = getattr(gateway.client, name)
    return {
        member: value
        for one in kind.__mro__
        for member, value in vars(one).items()
        if not member.startswith("_") and inspect.isfunction(value)
    }


@pytest.mark.parametrize(("plain", "later"), PAIRS)
def test_both_clients_have_the_same_names(plain: str, later: str) -> None:
    """Who knows one knows the other: the same methods with the same arguments."""
    ours, theirs = public(plain), public(later)
    assert set(ours) == set(theirs)
    for name, method in ours.items():
        found = signature(theirs[name]).partition(" -> ")[0]
        assert found == signature(method).partition(" -> ")[0], name


@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_each_call_has_an_example(name: str) -> None:
    """A reader sees how each is used, in code that Python reads."""
    for member, method in public(name).items():
        _, found, example = (inspect.getdoc(method) or "").partition("Example:\n    ``")
        assert found, member
        code = example.rstrip().removesuffix("``")
        compile(code, member, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
