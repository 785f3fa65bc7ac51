"""What a scenario reports, and how reports become a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Figure", "median", "percentile", "table"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value beside its peer, in the same unit. ``more_is_better`` says which way."""

    scenario: str
    what: str
    value: float
    unit: str
    peer: str
    peer_value: float
    more_is_better: bool

    @property
    def ratio(self) -> float:
        """Our value over the peer's."""
        return self.value / self.peer_value


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
        "| Scenario | Figure | Narthex | Beside it | Peer | Ratio | Better is |",
        "|---|---|---|---|---|---|---|",
    ]
    for figure in figures:
        better = "more" if figure.more_is_better else "less"
        rows.append(
            f"| {figure.scenario} | {figure.what} | {figure.value:,.2f} {figure.unit} "
            f"| {figure.peer} | {figure.peer_value:,.2f} {figure.unit} "
            f"| {figure.ratio:.2f} | {better} |"
        )
    return "\n".join(rows)
