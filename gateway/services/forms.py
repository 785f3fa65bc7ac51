"""Takes a form of files apart while it arrives: bytes in, beginnings and contents of files out.

Never holds more than one piece of the body, and never a file: what is no file is skipped. Sans-I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from protocol.errors import GatewayError, Kind

__all__ = ["Began", "Form", "Went"]

_PIECE = 64 * 1024
_MAX_FIELDS = 16
_MAX_PARTS = 300
"""Files and fields: many more than are kept, and few enough to be read in a moment."""


@dataclass(frozen=True, slots=True)
class Began:
    """A file begins, which its sender calls ``name``; empty if it has no name."""

    name: str


@dataclass(frozen=True, slots=True)
class Went:
    """The file that began last goes on with these bytes."""

    data: bytes


class Form:
    """One body of ``multipart/form-data``; refusals are GatewayErrors of kind INVALID."""

    def __init__(self, boundary: str) -> None:
        self._events: list[Began | Went] = []
        self._field = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._is_file = False
        self._name = ""
        self._fields: dict[str, bytearray] = {}
        self._ended = False
        self._files = 0
        self._parts = 0
        self._parser = MultipartParser(
            boundary.encode("ascii"),
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_end": self._end,
            },
        )

    @property
    def fields(self) -> dict[str, str]:
        """What the form has said so far besides files, cut to a bounded length."""
        return {name: data.decode("utf-8", "replace") for name, data in self._fields.items()}

    def feed(self, data: bytes) -> Iterator[Began | Went]:
        """What the next bytes of the body bring; taken to its end before the next call."""
        for start in range(0, len(data), _PIECE):
            try:
                self._parser.write(data[start : start + _PIECE])
            except FormParserError as error:
                raise GatewayError(Kind.INVALID, "the body is not a valid form of files") from error
            events, self._events = self._events, []
            yield from events

    def finish(self) -> None:
        """The body has ended; refuses one that was cut short or held no file."""
        if not self._ended:
            raise GatewayError(Kind.INVALID, "the form ends before its last boundary")
        if not self._files:
            raise GatewayError(Kind.INVALID, "the form has no file", field="file")

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise GatewayError(Kind.TOO_LARGE, f"the form has more than {_MAX_PARTS} parts")
        self._disposition = b""
        self._is_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        if bytes(self._field).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        """A part is a file if it is called so or has a file's name."""
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename")
        self._is_file = name is not None or options.get(b"name") == b"file"
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._is_file:
            self._files += 1
            self._events.append(Began((name or b"").decode("utf-8", "replace")))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._events.append(Went(data[start:end]))
        elif self._name in self._fields or len(self._fields) < _MAX_FIELDS:
            known = self._fields.setdefault(self._name, bytearray())
            known += data[start : min(end, start + _PIECE - len(known))]

    def _end(self) -> None:
        self._ended = True
