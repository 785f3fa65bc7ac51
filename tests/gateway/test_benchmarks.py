"""The benchmarks can be loaded and say what they are; how fast it is they measure elsewhere."""

from __future__ import annotations

import importlib
import inspect

import pytest

from tests.benchmarks.__main__ import SCENARIOS
from tests.benchmarks.figures import Figure, less, more, percentile, table


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_can_be_measured(name: str) -> None:
    """Each scenario has a measurement that takes a gateway and a share of its size."""
    scenario = importlib.import_module(f"tests.benchmarks.{name}")
    assert list(inspect.signature(scenario.measure).parameters) == ["gateway", "share"]
    assert scenario.__doc__


def test_figures_become_a_table() -> None:
    """A row has the value, its peer, the ratio and what is to be reached."""
    low = less("start: p50", 8.0, "ms", ("bare", 2.0), 5)
    high = more("rate: of all", 30.0, "/s", ("bare", 0.0))
    assert isinstance(low, Figure)
    rows = table([low, high]).splitlines()
    assert rows[2] == "| start | p50 | 8.00 ms |  | bare | 2.00 ms | 4.00 | ≤ 5 |"
    assert rows[3].endswith("| nan |  |")
    assert str(low) == "start: p50 8.00 ms; bare 2.00; ratio 4.00 (goal 5)"
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
