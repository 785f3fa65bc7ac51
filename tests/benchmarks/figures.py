"""What a scenario reports, and how reports become a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["Figure", "less", "median", "more", "percentile", "table"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value beside its peer, in the same unit. ``more_is_better`` says which way.

    ``tenth`` is the value at a tenth of the size, where the size matters; ``goal`` the ratio to
    reach, 0 for none.
    """

    scenario: str
    what: str
    value: float
    unit: str
    peer: str
    peer_value: float
    more_is_better: bool
    tenth: float | None = None
    goal: float = 0.0

    @property
    def ratio(self) -> float:
        """Our value over the peer's."""
        return self.value / self.peer_value if self.peer_value else float("nan")

    def __str__(self) -> str:
        tenth = "" if self.tenth is None else f", at 1/10 {self.tenth:,.2f}"
        goal = f" (goal {self.goal:g})" if self.goal else ""
        return (
            f"{self.scenario}: {self.what} {self.value:,.2f} {self.unit}; {self.peer} "
            f"{self.peer_value:,.2f}; ratio {self.ratio:.2f}{goal}{tenth}"
        )


def less(what: str, value: float, unit: str, peer: tuple[str, float], goal: float = 0.0) -> Figure:
    """A figure of which less is better; the scenario is the word before the colon."""
    scenario, _, name = what.partition(": ")
    return Figure(scenario, name, value, unit, *peer, more_is_better=False, goal=goal)


def more(what: str, value: float, unit: str, peer: tuple[str, float], goal: float = 0.0) -> Figure:
    """The same of which more is better."""
    return replace(less(what, value, unit, peer, goal), more_is_better=True)


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share (0 to 1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [
        "| Scenario | Figure | Narthex | At 1/10 | Beside it | Peer | Ratio | Goal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for figure in figures:
        tenth = "" if figure.tenth is None else f"{figure.tenth:,.2f}"
        sign = "≥" if figure.more_is_better else "≤"
        goal = f"{sign} {figure.goal:g}" if figure.goal else ""
        rows.append(
            f"| {figure.scenario} | {figure.what} | {figure.value:,.2f} {figure.unit} | {tenth} "
            f"| {figure.peer} | {figure.peer_value:,.2f} {figure.unit} "
            f"| {figure.ratio:.2f} | {goal} |"
        )
    return "\n".join(rows)
