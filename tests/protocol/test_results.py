"""Cells as texts."""

from __future__ import annotations

import pytest

from protocol.media import JsonValue
from protocol.results import cell_text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        ([float("nan"), 1.5], "[NaN,1.5]"),
        (-0.0, "-0.0"),
        ("1.0E10", "1.0E10"),
        (True, "true"),
        (None, "NULL"),
    ],
)
def test_a_cell_as_text(cell: JsonValue, text: str) -> None:
    """Row B9: what is no finite number has the name that Spark and JSON know."""
    assert cell_text(cell, "NULL") == text
