"""Conditions over named values: property filters, admission rules, requirements.

One small language for all of them (OAR document, *property filters*):

    or      := and { OR and }
    and     := not { AND not }
    not     := NOT not | '(' or ')' | test
    test    := name op value | name [NOT] LIKE text | name [NOT] IN '(' value {',' value} ')'
             | name [NOT] BETWEEN value AND value | name IS [NOT] NULL | name [NOT] HAS value
    op      := '=' | '==' | '!=' | '<>' | '<' | '<=' | '>' | '>='
    value   := number | text in single quotes, of which two stand for one

Words of the language are read in any case. It must never be handed to a database or evaluated as
code: reading is one pass over a bounded text, and evaluating takes a bounded number of steps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from protocol.errors import GatewayError, Kind

__all__ = ["ALWAYS", "MAX_NESTING", "MAX_STEPS", "MAX_TEXT", "Expr", "ExprError", "Scalar", "Value"]

MAX_TEXT = 4096
"""Characters of an expression."""
MAX_NESTING = 32
"""Parentheses and negations inside one another."""
MAX_STEPS = 100_000
"""Comparisons of values, or of characters by LIKE, in one evaluation."""

Scalar: TypeAlias = str | int | float
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None
"""What a name stands for: one value, several of which any may fit, or nothing (NULL)."""

_Truth: TypeAlias = bool | None
"""As in SQL: a test of nothing is neither true nor false."""

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<number>[+-]?[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<text>'(?:[^']|'')*')|(?P<sign><>|<=|>=|!=|==|[=<>(),]))",
    re.ASCII,
)
_BLANK = re.compile(r"\s*")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)
_WORDS = frozenset({"AND", "OR", "NOT", "LIKE", "IN", "IS", "NULL", "BETWEEN", "HAS"})
_SIGNS = {"==": "=", "<>": "!="}
_ORDERS = frozenset({"=", "!=", "<", "<=", ">", ">="})


class ExprError(GatewayError):
    """An expression that is not in the language; ``position`` counts characters from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(Kind.INVALID, f"{message} at position {position}")
        self.position = position


@dataclass(frozen=True)
class Expr:
    """A condition, read when it is made; an empty one is always true.

    Raises:
        ExprError: the text is not in the language, or beyond its bounds.
    """

    text: str = ""

    def __post_init__(self) -> None:
        parser = _Parser(self.text)
        root = parser.whole() if self.text.strip() else None
        object.__setattr__(self, "_root", root)
        object.__setattr__(self, "_names", frozenset(parser.names))

    @property
    def names(self) -> frozenset[str]:
        """The names that it speaks of, as they are written."""
        names: frozenset[str] = self.__dict__["_names"]
        return names

    def holds(self, values: Mapping[str, Value], most_steps: int = MAX_STEPS) -> bool:
        """Whether the condition is true of these values; a name that is not there is NULL.

        Raises:
            GatewayError: TOO_LARGE if it takes more steps than that.
        """
        root: _Node | None = self.__dict__["_root"]
        return root is None or root.truth(values, _Steps(most_steps)) is True

    def renamed(self, names: Mapping[str, str]) -> Expr:
        """The same condition over other names; those not in the mapping stay."""
        if not self.names & names.keys():
            return self
        written, end = [], 0
        for token in _tokens(self.text):
            if token.kind == "name" and token.text in names:
                written += [self.text[end : token.start], names[token.text]]
                end = token.start + len(token.text)
        return Expr("".join([*written, self.text[end:]]))

    def both(self, other: Expr) -> Expr:
        """The condition that this one and the other hold."""
        if not self.text.strip() or not other.text.strip():
            return other if not self.text.strip() else self
        return Expr(f"({self.text}) AND ({other.text})")


class _Steps:
    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise GatewayError(Kind.TOO_LARGE, "the expression takes too many steps to evaluate")


class _Node(Protocol):
    """A part of a condition."""

    def truth(self, values: Mapping[str, Value], steps: _Steps) -> _Truth:
        """Whether it is true of the values."""
        ...


@dataclass(frozen=True, slots=True)
class _Joined:
    """Parts of which all (AND) or any (OR) have to be true."""

    parts: tuple[_Node, ...]
    decisive: bool  # the truth of one part that decides the whole: False for AND, True for OR

    def truth(self, values: Mapping[str, Value], steps: _Steps) -> _Truth:
        unknown = False
        for part in self.parts:
            found = part.truth(values, steps)
            if found is self.decisive:
                return self.decisive
            unknown = unknown or found is None
        return None if unknown else not self.decisive


@dataclass(frozen=True, slots=True)
class _Not:
    part: _Node

    def truth(self, values: Mapping[str, Value], steps: _Steps) -> _Truth:
        found = self.part.truth(values, steps)
        return None if found is None else not found


@dataclass(frozen=True, slots=True)
class _IsNull:
    name: str

    def truth(self, values: Mapping[str, Value], steps: _Steps) -> _Truth:
        steps.take(1)
        return values.get(self.name) is None


@dataclass(frozen=True, slots=True)
class _Test:
    """A comparison of what a name stands for with one value or several."""

    name: str
    how: str
    values: tuple[Scalar, ...]

    def truth(self, values: Mapping[str, Value], steps: _Steps) -> _Truth:
        found = values.get(self.name)
        if found is None:
            return None
        members = found if isinstance(found, tuple) else (found,)
        return any(self._fits(member, steps) for member in members)

    def _fits(self, member: Scalar, steps: _Steps) -> bool:
        steps.take(len(self.values))
        if self.how == "in":
            return any(_compare(member, value, "=") for value in self.values)
        if self.how == "between":
            low, high = self.values
            return _compare(member, low, ">=") and _compare(member, high, "<=")
        if self.how == "like":
            return _like(str(member), str(self.values[0]), steps)
        return _compare(member, self.values[0], self.how)


def _compare(one: Scalar, other: Scalar, how: str) -> bool:
    """Compares as numbers what are numbers or look like them, everything else as text."""
    first, second = _number(one), _number(other)
    if first is None or second is None:
        left, right = str(one), str(other)
        return _ordered((left > right) - (left < right), how)
    return _ordered((first > second) - (first < second), how)


def _ordered(sign: int, how: str) -> bool:
    match how:
        case "=":
            return sign == 0
        case "<":
            return sign < 0
        case "<=":
            return sign <= 0
        case ">":
            return sign > 0
        case _:
            return sign >= 0


def _number(value: Scalar) -> int | float | None:
    if isinstance(value, int | float):
        return value
    if not _NUMBER.fullmatch(value):
        return None
    return float(value) if "." in value else int(value)


def _like(text: str, pattern: str, steps: _Steps) -> bool:
    """Whether all of the text fits a pattern in which % is any text and _ any character."""
    at = place = 0
    star, mark = -1, 0
    while at < len(text):
        steps.take(1)
        if place < len(pattern) and pattern[place] == "%":
            star, mark = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in {text[at], "_"}:
            at += 1
            place += 1
        elif star >= 0:
            mark += 1
            at, place = mark, star + 1
        else:
            return False
    return not pattern[place:].strip("%")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # name, word, number, text, sign, end
    text: str
    start: int


def _tokens(text: str) -> list[_Token]:
    """The words of an expression, each with where it starts, and the end."""
    if len(text) > MAX_TEXT:
        raise ExprError(f"the expression has {len(text)} characters, at most {MAX_TEXT} fit", 1)
    found, at = [], 0
    while True:
        at = _end_of(_BLANK.match(text, at), at)
        if at == len(text):
            found.append(_Token("end", "", at))
            return found
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            what = "a text that does not end" if text[at] == "'" else f"unexpected {text[at]!r}"
            raise ExprError(what, at + 1)
        kind, word = match.lastgroup, match[match.lastgroup]
        if kind == "name" and word.upper() in _WORDS:
            kind, word = "word", word.upper()
        found.append(_Token(kind, word, match.start(match.lastgroup)))
        at = match.end()


def _end_of(match: re.Match[str] | None, otherwise: int) -> int:
    return otherwise if match is None else match.end()


class _Parser:
    """Reads one expression, in one pass."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.names: set[str] = set()

    def whole(self) -> _Node:
        root = self._or()
        if self._next.kind != "end":
            raise self._unexpected("AND, OR or the end")
        return root

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _or(self) -> _Node:
        parts = [self._and()]
        while self._skip("word", "OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else _Joined(tuple(parts), decisive=True)

    def _and(self) -> _Node:
        parts = [self._not()]
        while self._skip("word", "AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else _Joined(tuple(parts), decisive=False)

    def _not(self) -> _Node:
        start = self._next.start
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise ExprError(f"more than {MAX_NESTING} levels", start + 1)
        if self._skip("word", "NOT"):
            node: _Node = _Not(self._not())
        elif self._skip("sign", "("):
            node = self._or()
            self._expect("sign", ")")
        else:
            node = self._test()
        self._depth -= 1
        return node

    def _test(self) -> _Node:
        name = self._next
        if name.kind != "name":
            raise self._unexpected("a name")
        self._at += 1
        self.names.add(name.text)
        if self._skip("word", "IS"):
            negated = self._skip("word", "NOT")
            self._expect("word", "NULL")
            return _Not(_IsNull(name.text)) if negated else _IsNull(name.text)
        negated = self._skip("word", "NOT")
        how = self._next
        self._at += 1
        test = self._comparison(name.text, how, negated=negated)
        return _Not(test) if negated else test

    def _comparison(self, name: str, how: _Token, *, negated: bool) -> _Node:
        match how.kind, how.text:
            case "word", "LIKE":
                pattern = self._next
                if pattern.kind != "text":
                    raise self._unexpected("a text")
                return _Test(name, "like", (self._value(),))
            case "word", "HAS":
                return _Test(name, "=", (self._value(),))
            case "word", "IN":
                return _Test(name, "in", self._several())
            case "word", "BETWEEN":
                low = self._value()
                self._expect("word", "AND")
                return _Test(name, "between", (low, self._value()))
            case "sign", sign if not negated and _SIGNS.get(sign, sign) in _ORDERS:
                if _SIGNS.get(sign, sign) == "!=":
                    return _Not(_Test(name, "=", (self._value(),)))
                return _Test(name, _SIGNS.get(sign, sign), (self._value(),))
        self._at -= 1
        raise self._unexpected("LIKE, IN, BETWEEN or HAS" if negated else "a comparison")

    def _several(self) -> tuple[Scalar, ...]:
        self._expect("sign", "(")
        values = [self._value()]
        while self._skip("sign", ","):
            values.append(self._value())
        self._expect("sign", ")")
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._next
        if token.kind == "text":
            self._at += 1
            return token.text[1:-1].replace("''", "'")
        if token.kind == "number":
            self._at += 1
            number = _number(token.text)
            return token.text if number is None else number
        raise self._unexpected("a number or a text in single quotes")

    def _skip(self, kind: str, text: str) -> bool:
        token = self._next
        if token.kind != kind or token.text != text:
            return False
        self._at += 1
        return True

    def _expect(self, kind: str, text: str) -> None:
        if not self._skip(kind, text):
            raise self._unexpected(text)

    def _unexpected(self, wanted: str) -> ExprError:
        token = self._next
        found = "the end" if token.kind == "end" else repr(token.text[:40])
        return ExprError(f"expected {wanted}, found {found}", token.start + 1)


ALWAYS = Expr()
"""The condition that holds of everything."""
