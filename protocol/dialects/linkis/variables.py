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
from protocol.dialects.linkis.own_names import SHELLS, OwnNames
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
    """Blanks ``--@set k=v`` and its like, so that the lines of the code keep their numbers.

    With a blank behind the marker it is a directive only if it has one name and one ``=``; else it
    is a comment like any other. Raises INVALID for ``--@set`` that has not exactly one ``=``.
    """
    marker = _MARKERS.get(run_type.lower())
    if not marker or "@set" not in code:
        return Directives(code, {})
    pattern = re.compile(rf"[ \t]*{re.escape(marker)}([ \t]*)@set(?![A-Za-z0-9_])[ \t]*(.*)")
    kept: list[str] = []
    variables: dict[str, str] = {}
    for line in code.split("\n"):
        found = pattern.fullmatch(line.rstrip("\r"))
        if not found:
            kept.append(line)
            continue
        name, equals, value = (part.strip() for part in found[2].rstrip("; \t").partition("="))
        if equals and "=" not in value and re.fullmatch(NAME, name, re.ASCII):
            variables[name] = value
            kept.append("")
        elif found[1] or re.search(r"\s", name):
            kept.append(line)
        else:
            raise _malformed(line)
    return Directives("\n".join(kept), variables)


def _malformed(line: str) -> GatewayError:
    return GatewayError(
        Kind.INVALID,
        f"error code(20044): the directive {line.strip()[:80]!r} is not @set name=value",
        field="executionCode",
    )


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
    kind = run_type.lower()
    own_names = OwnNames(bare, kind, _MARKERS[kind]) if "${" in bare else None
    scope = _Scope(known, calendar, kind in SHELLS)
    room = _LONGEST

    def put(found: re.Match[str]) -> str:
        nonlocal room
        assert own_names is not None  # noqa: S101 - there is a reference
        text = scope.put(found, own_names)
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
    shell: bool

    def put(self, reference: re.Match[str], own: OwnNames) -> str:
        """What a reference becomes: itself if the name is unknown, or the language's own."""
        written, place = reference[0], reference.start()
        found = _INSIDE.fullmatch(reference[1].strip(_BLANKS))
        if not found or (self.shell and (found.start() or reference[1] != found[0])):
            return written
        name, sign, operand = found["name"], found["sign"] or "", found["operand"] or ""
        value: str | None = self.known.get(name)
        if own.has(name, place):
            value = written
        elif name not in self.known or name == RUN_DATE:
            value = self._date(name, sign, operand)
        elif sign and self.shell:  # there it is a default, or an alternative
            value = written
        elif sign:
            value = self._sum(reference, name, sign, operand, own)
        return written if value is None else value

    def _sum(
        self, reference: re.Match[str], name: str, sign: str, operand: str, own: OwnNames
    ) -> str:
        """What is computed; what cannot be is left alone where it may be no reference at all."""
        try:
            return _computed(self.known[name], sign, operand, reference[0])
        except GatewayError:
            if own.forgives(reference.start()):
                return reference[0]
            raise

    def _date(self, name: str, sign: str, operand: str) -> str | None:
        if not sign:
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
