"""Forms: the fields of a body or query with all their values, and the objects that names spell.

For small forms, which are read whole. Files of any size go through a route that streams.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, overload

from protocol.errors import GatewayError, Kind
from protocol.media import MAX_FORM_FIELDS, JsonObject, JsonValue, decode_pairs

__all__ = ["FormFile", "FormValues", "SmallForm", "nested", "read_form"]

T = TypeVar("T")

MAX_NAME_DEPTH = 8
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_BOUNDARY = re.compile(
    r';\s*boundary=(?:"([^"\\]{1,70})"|([^\s";,]{1,70}))', re.ASCII | re.IGNORECASE
)
_PARAMETER = re.compile(rb';\s*(name|filename)="((?:[^"\\\r\n]|\\.)*)"', re.IGNORECASE)
_DISPOSITION = re.compile(
    rb"^content-disposition:\s*form-data\s*(;[^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_TYPE = re.compile(rb"^content-type:\s*([^\r\n]{0,255})", re.IGNORECASE | re.MULTILINE)
_MAX_HEAD = 8192
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_KEY = re.compile(r"\[([^\[\]]*)\]")


class FormValues(Mapping[str, str]):
    """Fields in the order in which they came: as a mapping the first value of each name."""

    __slots__ = ("_first", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs = tuple(pairs)
        self._first: dict[str, str] = {}
        for name, value in self.pairs:
            self._first.setdefault(name, value)

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def __repr__(self) -> str:
        return f"FormValues({self.pairs!r})"

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...

    def get(self, name: str, /, default: object = None) -> object:
        """The first value of a name; quick where there is none, as for most."""
        return self._first.get(name, default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a name; empty if there is none."""
        return tuple(value for other, value in self.pairs if other == name)


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form: the name of its field, its own name, its media type and its bytes."""

    field: str
    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SmallForm:
    """A form that was read whole."""

    values: FormValues
    files: tuple[FormFile, ...] = ()


def read_form(body: bytes, content_type: str) -> SmallForm:
    """The form in a body of either kind.

    Raises:
        GatewayError: UNSUPPORTED for another media type, INVALID for a broken form.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media == _URLENCODED:
        return SmallForm(FormValues(decode_pairs(body)))
    if media != _MULTIPART:
        raise GatewayError(Kind.UNSUPPORTED, "the body must be a form", field="Content-Type")
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise GatewayError(Kind.INVALID, "the form has no boundary", field="Content-Type")
    return _multipart(body, (found[1] or found[2]).encode())


def _multipart(body: bytes, boundary: bytes) -> SmallForm:
    mark = b"\r\n--" + boundary
    parts = (b"\r\n" + body).split(mark, MAX_FORM_FIELDS + 2)
    if len(parts) > MAX_FORM_FIELDS + 2:
        raise GatewayError(Kind.INVALID, f"the form has more than {MAX_FORM_FIELDS} fields")
    if len(parts) < 2 or not parts[-1].startswith(b"--"):  # noqa: PLR2004 - what is before, a part
        raise GatewayError(Kind.INVALID, "the form ends before its last boundary")
    values: list[tuple[str, str]] = []
    files: list[FormFile] = []
    for part in parts[1:-1]:
        head, ends, data = part.partition(b"\r\n\r\n")
        disposition = _DISPOSITION.search(head[:_MAX_HEAD])
        if not ends or len(head) > _MAX_HEAD or disposition is None:
            raise GatewayError(Kind.INVALID, "a part of the form is malformed")
        words = {name.lower(): value for name, value in _PARAMETER.findall(disposition[1])}
        name = _decoded(words.get(b"name", b""))
        if b"filename" in words:
            kind = _TYPE.search(head)
            media = kind[1].decode("ascii", "replace").strip() if kind else ""
            files.append(FormFile(name, _decoded(words[b"filename"]), media, data))
        else:
            values.append((name, _decoded(data)))
    return SmallForm(FormValues(values), tuple(files))


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GatewayError(Kind.INVALID, "the form is not valid UTF-8") from error
    if "\0" in text:
        raise GatewayError(Kind.INVALID, "the form holds a NUL")
    return text


def nested(values: FormValues) -> JsonObject:
    """The object that the names of a form spell.

    ``a[b]=1`` is ``{"a": {"b": "1"}}``, ``a[]=1&a[]=2`` and ``a=1&a=2`` are ``{"a": ["1", "2"]}``.
    In ``a[][b]`` a key that is there already begins the next object of the list.

    Raises:
        GatewayError: INVALID if a name is malformed, nested too deep, or two names contradict.
    """
    found: JsonObject = {}
    repeated: set[str] = set()
    for name, value in values.pairs:
        keys = _keys(name)
        if len(keys) == 1 and name in found:
            other = found[name]
            if name in repeated and isinstance(other, list):
                other.append(value)
                continue
            if isinstance(other, str):
                found[name] = [other, value]
                repeated.add(name)
                continue
            raise _contradiction(name)
        _set(found, keys, value, name)
    return found


def _keys(name: str) -> list[str]:
    spelled = _NAME.fullmatch(name)
    if spelled is None:
        raise GatewayError(Kind.INVALID, "the name of a field is malformed", field=name[:100])
    keys = [spelled[1], *_KEY.findall(spelled[2])]
    if len(keys) > MAX_NAME_DEPTH:
        raise GatewayError(
            Kind.INVALID, f"a field is nested deeper than {MAX_NAME_DEPTH}", field=name[:100]
        )
    return keys


def _set(place: JsonObject, keys: list[str], value: str, name: str) -> None:
    """Puts a value where its keys say; an empty key is the end of a list."""
    holder: JsonObject | list[JsonValue] = place
    for at, key in enumerate(keys):
        rest = keys[at + 1 :]
        made: JsonValue = value if not rest else ([] if rest[0] == "" else {})
        if isinstance(holder, list):
            last = next(reversed(holder), None)
            if isinstance(last, dict) and rest and not _holds(last, rest):
                holder = last
                continue
            if key or (rest and not isinstance(made, dict)):
                raise _contradiction(name)
            holder.append(made)
        elif not key or (not rest and key in holder):
            raise _contradiction(name)
        else:
            made = holder.setdefault(key, made)
        if not rest:
            return
        if not isinstance(made, dict | list) or isinstance(made, list) != (rest[0] == ""):
            raise _contradiction(name)
        holder = made


def _holds(place: JsonObject, keys: list[str]) -> bool:
    """Whether an object of a list has what the rest of a name says already."""
    found: JsonValue = place
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
        if isinstance(found, list):
            return False
    return True


def _contradiction(name: str) -> GatewayError:
    return GatewayError(
        Kind.INVALID, "two fields of the form contradict one another", field=name[:100]
    )
