"""Variables in code: directives that set them, ``${name}`` that uses them, and ``&{...}`` dates.

Follows the entrance contract, section 7.1. Precedence: a directive in the code, then the variables
of the request, then the user's global ones; ``user``, ``submit_user`` and ``execute_user`` are the
system's. A name that nobody set stays in the code as it is written.

Every pattern here takes time in proportion to the code, and what it may grow to is bounded: nobody
else is served meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import NamedTuple

from protocol.dialects.linkis.dates import RUN_DATE, Calendar, formatted
from protocol.errors import GatewayError, Kind

__all__ = ["NAME", "Directives", "directives", "substituted"]

_FAMILIES: Mapping[str, frozenset[str]] = {
    "--": frozenset(
        {
            *("sql", "hql", "jdbc", "hive", "psql", "fql", "tsql"),
            *("nebula", "ngql", "aisql", "starrocks"),
        }
    ),
    "#": frozenset({"python", "py", "pyspark", "py3", "sh", "shell"}),
    "//": frozenset({"scala"}),
    "!!": frozenset({"java"}),
    # JSON has no comments: variables are put in, and none can be set.
    "": frozenset({"json", "data_calc"}),
}
_MARKERS: Mapping[str, str] = {
    run_type: marker for marker, run_types in _FAMILIES.items() for run_type in run_types
}
_SYSTEM = ("user", "submit_user", "execute_user")
NAME = r"[A-Za-z_][A-Za-z0-9_.]{0,127}"
"""What the name of a variable looks like."""
_REFERENCE = re.compile(r"\$\{([^{}]*+)\}")
_INSIDE = re.compile(
    rf"(?P<name>{NAME})\s*+(?:(?P<sign>[-+*/])\s*+(?P<operand>[^{{}}]{{1,64}}))?", re.ASCII
)
_BLANKS = " \t\r\n\f\v"
_FORMAT = re.compile(r"&\{([^{}]{1,128})\}")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?", re.ASCII)
_SHIFT = re.compile(r"\d{1,9}", re.ASCII)
_EXACT = Context(prec=128)
"""More digits than a sum or product of two numbers has; a quotient is cut after 28."""
_LONGEST = 4 << 20
"""Characters that all references of a code may become: a short one may stand for a long text."""


class Directives(NamedTuple):
    """Code without its directives, and the variables that they set."""

    code: str
    variables: Mapping[str, str]


def directives(code: str, run_type: str) -> Directives:
    """Takes ``--@set k=v`` and its like out of the code, each line of it by itself.

    Raises INVALID for a directive that has not exactly one ``=``.
    """
    marker = _MARKERS.get(run_type.lower())
    if not marker or "@set" not in code:
        return Directives(code, {})
    pattern = re.compile(rf"[ \t]*{re.escape(marker)}[ \t]*@set(?![A-Za-z0-9_])[ \t]*(.*)")
    kept: list[str] = []
    variables: dict[str, str] = {}
    for line in code.split("\n"):
        found = pattern.fullmatch(line.rstrip("\r"))
        if not found:
            kept.append(line)
            continue
        name, equals, value = (part.strip() for part in found[1].rstrip("; \t").partition("="))
        if not equals or "=" in value or not re.fullmatch(NAME, name, re.ASCII):
            raise GatewayError(
                Kind.INVALID,
                f"error code(20044): the directive {line.strip()[:80]!r} is not @set name=value",
                field="executionCode",
            )
        variables[name] = value
    return Directives("\n".join(kept), variables)


def substituted(
    code: str,
    run_type: str,
    variables: Mapping[str, str],
    *,
    user: str,
    now_ms: int,
    global_variables: Mapping[str, str] | None = None,
) -> str:
    """The code with its directives taken out and every variable that is known put in.

    Raises INVALID for a malformed directive, a ``run_date`` that is no date, or arithmetic that
    its operands do not allow; TOO_LARGE if the code would grow beyond all measure.
    """
    if run_type.lower() not in _MARKERS:
        return code
    bare, own = directives(code, run_type)
    known = {**(global_variables or {}), **dict.fromkeys(_SYSTEM, user), **variables, **own}
    calendar = Calendar.of(known.get(RUN_DATE, ""), now_ms)
    if calendar is None:
        raise GatewayError(
            Kind.INVALID,
            f"run_date {known[RUN_DATE][:40]!r} is no date such as 20200228",
            field="params.variable.run_date",
        )
    scope = _Scope(known, calendar)
    room = _LONGEST

    def put(found: re.Match[str]) -> str:
        nonlocal room
        text = scope.put(found[0], found[1].strip(_BLANKS))
        room -= len(text)
        if room < 0:
            raise GatewayError(
                Kind.TOO_LARGE,
                f"variables make the code longer by more than {_LONGEST} characters",
                field="executionCode",
            )
        return text

    bare = _REFERENCE.sub(put, bare)
    return _FORMAT.sub(lambda found: formatted(found[1], now_ms) or found[0], bare)


class _Scope(NamedTuple):
    """What names mean in one task."""

    known: Mapping[str, str]
    calendar: Calendar

    def put(self, written: str, inside: str) -> str:
        """What a reference becomes: itself if the name is unknown."""
        found = _INSIDE.fullmatch(inside)
        if not found:
            return written
        name, sign, operand = found["name"], found["sign"], found["operand"] or ""
        if name not in self.known or name == RUN_DATE:
            value = self._date(name, sign, operand)
            return written if value is None else value
        value = self.known[name]
        return _computed(value, sign, operand, written) if sign else value

    def _date(self, name: str, sign: str | None, operand: str) -> str | None:
        if sign is None:
            return self.calendar.value(name)
        if sign not in ("+", "-") or not _SHIFT.fullmatch(operand):
            return None
        return self.calendar.value(name, int(f"{sign}{operand}"))


def _computed(value: str, sign: str, operand: str, written: str) -> str:
    """Decimal arithmetic for numbers; for texts ``+`` joins them and nothing else is allowed."""
    if not (_NUMBER.fullmatch(value) and _NUMBER.fullmatch(operand)):
        if sign == "+":
            return value + operand
        raise _refused(written, "only numbers can be computed with")
    left, right = Decimal(value), Decimal(operand)
    try:
        match sign:
            case "+":
                result = _EXACT.add(left, right)
            case "-":
                result = _EXACT.subtract(left, right)
            case "*":
                result = _EXACT.multiply(left, right)
            case _:
                result = left / right
    except (DivisionByZero, InvalidOperation, Overflow):
        raise _refused(written, "there is no such number") from None
    text = f"{result or Decimal(0):f}"  # nothing is written -0
    return text.rstrip("0").rstrip(".") if "." in text else text


def _refused(written: str, why: str) -> GatewayError:
    return GatewayError(Kind.INVALID, f"error code(20049): {written}: {why}", field="executionCode")
