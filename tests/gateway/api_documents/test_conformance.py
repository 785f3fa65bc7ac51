"""A living gateway answers as its document says, whatever is asked.

No engine that runs code is there, since what is asked is random.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from gateway.api_documents.openapi import openapi
from gateway.config import load
from gateway.plugins import load_dialects
from tests.support.served import Served, serving

DOCUMENT = openapi(load_dialects(load(None), "localhost:8080"), "/")
ASKED = {
    path: {method: words for method, words in methods.items() if "x-alias-of" not in words}
    for path, methods in DOCUMENT["paths"].items()
}
SCHEMA = schemathesis.openapi.from_dict(
    {**DOCUMENT, "paths": {p: m for p, m in ASKED.items() if m}}
)
_FOUND: Any = SCHEMA.get_all_operations()
OPERATIONS: list[Any] = [found.ok() for found in _FOUND]
Operation = Any  # what it is has parameters of its own
CASES = 6
MANY = 300


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that runs nothing but scripts of its own engine for demonstrations."""
    data = tmp_path_factory.mktemp("conformance") / "data"
    off = {f"NARTHEX_ENGINES_{name}_ENABLED": "false" for name in ("SHELL", "PYTHON", "SPARK")}
    roomy = {"NARTHEX_LIMITS_WAITS_PER_USER": "1000"}
    with serving(data, **off, **roomy) as gateway:
        yield gateway


def asked(gateway: Served, operation: Operation, cases: int) -> int:
    """Asks an operation that often; how many times it was. Raises for an unfitting answer."""
    # What ends the token of the others is asked of by a stranger.
    headers = {} if "logout" in operation.path else gateway.headers
    total = 0

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        nonlocal total
        total += 1
        case.call_and_validate(
            base_url=gateway.url, headers=headers, checks=checks(operation), timeout=60
        )

    ask()
    return total


def checks(operation: Operation) -> list[schemathesis.CheckFunction]:
    """No server error, and the answer fits. The oldest API answers what is refused with 500."""
    old = "openpai_old" in (operation.tags or ())
    return (
        [response_schema_conformance] if old else [not_a_server_error, response_schema_conformance]
    )


@pytest.mark.timeout(900)
def test_answers_are_as_the_document_says(harmless: Served) -> None:
    """About 2,000 random requests over all routes: no server error, and every answer fits."""
    total = sum(asked(harmless, operation, CASES) for operation in OPERATIONS)
    assert total > len(OPERATIONS) * 2


@pytest.mark.storm
@pytest.mark.timeout(7200)
def test_many_answers_are_as_the_document_says(harmless: Served) -> None:
    """The same with fifty times as many."""
    total = sum(asked(harmless, operation, MANY) for operation in OPERATIONS)
    assert total > len(OPERATIONS) * 20
