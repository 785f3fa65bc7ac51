"""The date variables: names such as ``run_date`` or ``run_month_begin_std`` with their arithmetic.

Follows the entrance contract, section 7.2. Everything is computed from ``run_date``, which is
yesterday unless the task says otherwise, and from the moment of the submit. A ``_std`` name is
written with hyphens. Adding a number counts in the unit of the name: days, hours, months, quarters,
half years or years.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

__all__ = ["RUN_DATE", "Calendar", "formatted"]

RUN_DATE = "run_date"

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_PATTERN = re.compile(r"([yMdHms]+)", re.ASCII)
_OFFSET = re.compile(r"([+-]?)(\d{1,9})([yMdHms])", re.ASCII)
_LETTERS: Mapping[str, str] = {
    "yy": "%y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
}
_MONTHS_IN_YEAR = 12
_TO_THE_HOUR = len("2020-02-28 13")
_TO_THE_MONTH = len("2020-02")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The date variables of one task: ``run_date`` and the moment of its submit in UTC."""

    run_date: date
    now: datetime

    @classmethod
    def of(cls, text: str, now_ms: int) -> Calendar | None:
        """The calendar for a ``run_date`` as text, empty for yesterday; None if it is no date."""
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        if not text:
            return cls(now.date() - timedelta(days=1), now)
        found = _DATE.fullmatch(text)
        try:
            return cls(date(*map(int, found.groups())), now) if found else None
        except ValueError:
            return None

    def value(self, name: str, shift: int = 0) -> str | None:
        """The text of a variable, moved by ``shift`` units; None if there is no such variable.

        None also where the shift leaves the years 1 to 9999.
        """
        standard = name.endswith("_std")
        try:
            return self._value(name.removesuffix("_std"), shift, standard=standard)
        except (OverflowError, ValueError):
            return None

    def _value(self, name: str, shift: int, *, standard: bool) -> str | None:
        today = self.run_date + timedelta(days=1)
        if name in (RUN_DATE, "run_today"):
            start = self.run_date if name == RUN_DATE else today
            return _day(start + timedelta(days=shift), standard=standard)
        if name in ("run_today_h", "run_today_hour"):
            hour = datetime(today.year, today.month, today.day, self.now.hour, tzinfo=UTC)
            text = (hour + timedelta(hours=shift)).isoformat(" ")[:_TO_THE_HOUR]
            return text if standard else text.replace("-", "").replace(" ", "")
        if name in _MONTHS:
            day = _MONTHS[name](self.run_date, today)
            text = _moved(day, shift).isoformat()[:_TO_THE_MONTH]
            return text if standard else text.replace("-", "")
        found = _PERIOD.fullmatch(name)
        if not found:
            return None
        months = _PERIODS[found["period"]]
        start = today if found["now"] else self.run_date
        first = start.replace(day=1, month=(start.month - 1) // months * months + 1)
        first = _moved(first, shift * months)
        if found["edge"] == "end":
            last = _moved(first, months - 1)
            first = last.replace(day=monthrange(last.year, last.month)[1])
        return _day(first, standard=standard)


_MONTHS: Mapping[str, Callable[[date, date], date]] = {
    "run_mon": lambda run, _: run.replace(day=1),
    "run_mon_start": lambda run, _: run.replace(day=1, month=1),
    "run_mon_end": lambda run, _: run.replace(day=1, month=12),
    "run_mon_now": lambda _, today: today.replace(day=1),
    "run_current_mon_now": lambda _, today: today.replace(day=1),
    "run_last_mon_now": lambda _, today: _moved(today.replace(day=1), -1),
}
_PERIODS: Mapping[str, int] = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
_PERIOD = re.compile(
    r"run_(?P<period>month|quarter|half_year|year)_(?P<now>now_)?(?P<edge>begin|end)"
)


def formatted(expression: str, now_ms: int) -> str | None:
    """The text for ``yyyyMMdd%-1d`` and the like: a pattern, then moves; None if it is none.

    Units are ``y M d H m s``. Other letters of a pattern are not understood. What begins with a
    blank is none: in a shell it is a group of commands.
    """
    if expression[:1].isspace():
        return None
    pattern, _, moves = expression.partition("%")
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    try:
        for move in filter(None, moves.split("%")):
            found = _OFFSET.fullmatch(move)
            if not found:
                return None
            moment = _shifted(moment, int(f"{found[1]}{found[2]}"), found[3])
        pieces = [
            piece if index % 2 == 0 else _written(moment, piece)
            for index, piece in enumerate(_PATTERN.split(pattern))
        ]
    except (OverflowError, ValueError, KeyError):
        return None
    return "".join(pieces) if len(pieces) > 1 else None


def _written(moment: datetime, letters: str) -> str:
    """A run of pattern letters, which may hold several fields without anything between them."""
    fields = re.findall(r"y+|M+|d+|H+|m+|s+", letters)
    # The library would write the year 476 with three digits.
    return "".join(
        f"{moment.year:04}" if field == "yyyy" else moment.strftime(_LETTERS[field])
        for field in fields
    )


def _shifted(moment: datetime, amount: int, unit: str) -> datetime:
    match unit:
        case "y" | "M":
            moved = _moved(moment.date(), amount * (_MONTHS_IN_YEAR if unit == "y" else 1))
            return moment.replace(year=moved.year, month=moved.month, day=moved.day)
        case "d":
            return moment + timedelta(days=amount)
        case "H":
            return moment + timedelta(hours=amount)
        case "m":
            return moment + timedelta(minutes=amount)
        case _:
            return moment + timedelta(seconds=amount)


def _moved(day: date, months: int) -> date:
    """The same day so many months later, or the last day of that month if it is shorter."""
    year, month = divmod(day.year * _MONTHS_IN_YEAR + day.month - 1 + months, _MONTHS_IN_YEAR)
    month += 1
    if not 1 <= year <= 9999:  # noqa: PLR2004 - what a date can hold
        raise OverflowError(f"year {year}")
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _day(day: date, *, standard: bool) -> str:
    return day.isoformat() if standard else day.isoformat().replace("-", "")
