"""What a task may ask of its own limits."""

from __future__ import annotations

import pytest

from protocol.errors import GatewayError, Kind
from protocol.run_limits import RunLimits, asked_limits


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, RunLimits()),
        ({"limit.memory_bytes": 5}, RunLimits(memory_bytes=5)),
        ({"limit.memory_bytes": "512M"}, RunLimits(memory_bytes=512 << 20)),
        ({"limit.memory_bytes": " 2 GiB "}, RunLimits(memory_bytes=2 << 30)),
        ({"limit.processes": "64", "limit.cpu_weight": 1}, RunLimits(0, 64, 1)),
        ({"limit.processes": "", "limit.cpu_weight": None}, RunLimits()),
        ({"spark.memory": "1g", "limits": 3}, RunLimits()),
    ],
)
def test_limits_are_read(parameters: dict[str, object], expected: RunLimits) -> None:
    """Numbers and texts of such, sizes with a unit; nothing else counts as one."""
    assert asked_limits(parameters) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_bytes", 0),
        ("memory_bytes", -1),
        ("memory_bytes", True),
        ("memory_bytes", 1.5),
        ("memory_bytes", "1.5G"),
        ("memory_bytes", "9" * 15 + "T"),
        ("memory_bytes", []),
        ("processes", "2K"),
        ("processes", 10_000_001),
        ("cpu_weight", 10_001),
        ("memory", 1),
        ("x" * 1000, 1),
    ],
)
def test_what_is_no_limit_is_refused(name: str, value: object) -> None:
    """With the field, before anything is created."""
    with pytest.raises(GatewayError) as caught:
        asked_limits({f"limit.{name}": value})
    assert caught.value.kind is Kind.INVALID
    assert str(caught.value.field).startswith("parameters.limit.")
