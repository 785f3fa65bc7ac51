"""A small schema language whose errors read as those of OpenPAI's own validator.

Clients read the first element's ``message`` of a list of errors, so the texts are what matters.
All errors are collected, up to a bound. Linear in the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from protocol.media import JsonObject, JsonValue

__all__ = [
    "ANY",
    "MAX_ERRORS",
    "Array",
    "Choice",
    "Exactly",
    "Integer",
    "Object",
    "Schema",
    "Text",
    "errors",
]

MAX_ERRORS = 50


class Schema(Protocol):
    """What a value may be."""

    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """Yields what is wrong with a value that stands at a path such as ``.taskRoles``."""
        ...


def errors(schema: Schema, value: JsonValue) -> list[JsonObject]:
    """What is wrong with a value, the first fifty things at most; nothing if it is right."""
    found: list[JsonObject] = []
    for error in schema.check(value, ""):
        found.append(error)
        if len(found) == MAX_ERRORS:
            break
    return found


def _error(keyword: str, path: str, message: str, **params: JsonValue) -> JsonObject:
    return {
        "keyword": keyword,
        "dataPath": path,
        "schemaPath": f"#{path.replace('.', '/properties/')}/{keyword}",
        "params": dict(params),
        "message": message,
    }


def _wrong_type(name: str, path: str) -> JsonObject:
    return _error("type", path, f"should be {name}", type=name)


@dataclass(frozen=True, slots=True)
class _Any:
    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """Nothing is wrong with it."""
        del value, path
        yield from ()


ANY = _Any()
"""Whatever it is."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that fits a pattern as a whole and has at most so many characters."""

    pattern: re.Pattern[str] | None = None
    longest: int = 0

    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """Type, length, pattern."""
        if not isinstance(value, str):
            yield _wrong_type("string", path)
        elif self.longest and len(value) > self.longest:
            message = f"should NOT be longer than {self.longest} characters"
            yield _error("maxLength", path, message, limit=self.longest)
        elif self.pattern is not None and self.pattern.fullmatch(value) is None:
            pattern = f"^{self.pattern.pattern}$"
            yield _error("pattern", path, f'should match pattern "{pattern}"', pattern=pattern)


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer from a smallest one on; ``null`` as well if that is said."""

    least: int | None = None
    nullable: bool = False

    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """Type and range."""
        if value is None and self.nullable:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            yield _wrong_type("integer,null" if self.nullable else "integer", path)
        elif self.least is not None and value < self.least:
            yield _error("minimum", path, f"should be >= {self.least}", limit=self.least)


@dataclass(frozen=True, slots=True)
class Exactly:
    """One of some values."""

    values: tuple[JsonValue, ...]

    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """Whether it is one of them; true is not 1."""
        if not any(value == one and type(value) is type(one) for one in self.values):
            message = "should be equal to one of the allowed values"
            yield _error("enum", path, message, allowedValues=list(self.values))


@dataclass(frozen=True, slots=True)
class Array:
    """A list with at least and at most so many items, all of one kind."""

    item: Schema
    least: int = 0
    most: int = 1000

    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """Type, number of items, each item."""
        if not isinstance(value, list):
            yield _wrong_type("array", path)
        elif len(value) < self.least:
            message = f"should NOT have fewer than {self.least} items"
            yield _error("minItems", path, message, limit=self.least)
        elif len(value) > self.most:
            message = f"should NOT have more than {self.most} items"
            yield _error("maxItems", path, message, limit=self.most)
        else:
            for number, item in enumerate(value):
                yield from self.item.check(item, f"{path}[{number}]")


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with known keys; with ``extra`` what all other keys hold, else there are none.

    ``names`` is what the other keys must be.
    """

    known: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    extra: Schema | None = None
    names: re.Pattern[str] | None = None
    least: int = 0

    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """Type, number of keys, missing ones, unknown ones, and what stands under the others."""
        if not isinstance(value, dict):
            yield _wrong_type("object", path)
            return
        if len(value) < self.least:
            message = f"should NOT have fewer than {self.least} properties"
            yield _error("minProperties", path, message, limit=self.least)
        for name in self.required:
            if name not in value:
                message = f"should have required property '{name}'"
                yield _error("required", path, message, missingProperty=name)
        for name, inner in value.items():
            schema = self.known.get(name, self.extra)
            alien = name not in self.known and self.names is not None
            if schema is None or (alien and not _fits(self.names, name)):
                message = "should NOT have additional properties"
                yield _error("additionalProperties", path, message, additionalProperty=name)
            else:
                yield from schema.check(inner, f"{path}.{name}")


def _fits(names: re.Pattern[str] | None, name: str) -> bool:
    return names is None or names.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several objects, told apart by the text under one key."""

    key: str
    kinds: Mapping[str, Schema]

    def check(self, value: JsonValue, path: str) -> Iterator[JsonObject]:
        """The errors of the kind that it says it is; one error if it says none of them."""
        if not isinstance(value, dict):
            yield _wrong_type("object", path)
            return
        said = value.get(self.key)
        schema = self.kinds.get(said) if isinstance(said, str) else None
        if schema is None:
            yield from Exactly(tuple(self.kinds)).check(said, f"{path}.{self.key}")
        else:
            yield from schema.check(value, path)
