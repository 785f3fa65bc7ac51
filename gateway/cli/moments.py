"""Times as people write them: a date, a time of today, or how long from now or ago."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

__all__ = ["Moment"]

_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)
_MOST_SECONDS = 1e10


class Moment(click.ParamType[int]):
    """A time in ms since the epoch.

    Args:
        ahead: whether a span is from now on, and a time of the day that has passed tomorrow's;
            else a span is that long ago.
    """

    name = "time"

    def __init__(self, *, ahead: bool) -> None:
        self._ahead = ahead

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Reads ``10m``, ``1h30m``, ``18:30`` or ISO 8601, which is local time without a zone."""
        if isinstance(value, int):
            return value
        now = datetime.now().astimezone()
        found = self._read(str(value).strip().removeprefix("+"), now)
        if found is None:
            self.fail(f"{value!r} is no time: use 10m, 18:30 or 2030-01-31T18:30", param, ctx)
        return max(0, int(found.timestamp() * 1000))

    def _read(self, text: str, now: datetime) -> datetime | None:
        spans = _SPAN.findall(text)
        try:
            if spans and "".join(map("".join, spans)) == text:
                seconds = sum(float(number) * _UNITS[unit] for number, unit in spans)
                if seconds > _MOST_SECONDS:
                    return None
                passed = timedelta(seconds=seconds)
                return now + passed if self._ahead else now - passed
            if _CLOCK.fullmatch(text):
                parts = [int(part) for part in text.split(":")]
                found = now.replace(
                    hour=parts[0], minute=parts[1], second=(*parts, 0)[2], microsecond=0
                )
                return found + timedelta(days=1) if self._ahead and found < now else found
            found = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            return None
        return found if found.tzinfo else found.astimezone()
