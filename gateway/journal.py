"""What the gateway says about itself: one line an event, on stderr, safe to read and to keep.

Text that came from outside is escaped and cut, so that it can neither forge a line nor steer a
terminal. Secrets, code and log text never get here; values under a telling name are blanked all
the same.
"""

from __future__ import annotations

import codecs
import contextvars
import logging
import re
import sys
import unicodedata
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO

from gateway.absent import absent
from gateway.config import Log

with absent("rich"):  # with which it draws on terminals: a tenth of what a start takes
    import structlog

__all__ = ["Journal", "bound", "bound_values", "journal", "line_safe", "set_up"]

Journal = structlog.stdlib.BoundLogger

_MAX_CHARACTERS = 1024
_MAX_TRACE_CHARACTERS = 16_384
_SECRET = re.compile(
    r"password|passwd|secret|token|authorization|cookie|credential|\bkey\b", re.IGNORECASE
)
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_BOUND: contextvars.ContextVar[Mapping[str, object]] = contextvars.ContextVar("bound", default={})  # noqa: B039 - never changed in place
_ESCAPE = codecs.getencoder("unicode_escape")
"""Found once: looking for it later takes a file, and there may be no descriptor for one."""
_BEARER = re.compile(r"eyJ[\w-]{5,}\.[\w-]*\.?[\w-]*")


def journal(name: str) -> Journal:
    """The journal for one part of the gateway; usable before it is set up."""
    return structlog.stdlib.get_logger(name)


class bound:  # noqa: N801 - used like a function
    """A context manager within which every line carries ``values``.

    Entered for every request: structlog's own looks through all variables of the context.
    """

    __slots__ = ("_token", "_values")

    def __init__(self, **values: object) -> None:
        self._values = values

    def __enter__(self) -> None:
        self._token = _BOUND.set({**_BOUND.get(), **self._values})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _BOUND.reset(self._token)


def bound_values() -> Mapping[str, object]:
    """What every line carries at the moment."""
    return _BOUND.get()


def set_up(settings: Log, process: str, stream: TextIO | None = None) -> None:
    """Sends everything this process says, libraries included, through one safe formatter.

    Called once by each composition root. ``process`` is named in every line.
    """
    shared: list[structlog.types.Processor] = [
        _with_bound,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
    ]
    final: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "process", "logger", "event"], bool_as_flag=False
        )
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _safe,
            final,
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("gateway").setLevel(settings.level.upper())
    # Who did what is said whatever else is not.
    logging.getLogger("gateway.audit").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _named(process: str) -> structlog.types.Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's signature
        event["process"] = process
        return event

    return add


def _with_bound(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's signature
    for key, value in _BOUND.get().items():
        event.setdefault(key, value)
    return event


def _safe(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's signature
    return {
        line_safe(str(key)): "***" if _SECRET.search(str(key)) else _value(key, value)
        for key, value in event.items()
    }


def _value(key: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    limit = _MAX_TRACE_CHARACTERS if key == "exception" else _MAX_CHARACTERS
    return line_safe(str(value), limit)


def line_safe(text: str, limit: int = _MAX_CHARACTERS) -> str:
    """The text without anything that could break a line, steer a terminal or carry a token."""
    cut = text if len(text) <= limit else text[:limit] + "..."
    if cut.isascii() and cut.isprintable():  # nearly always, and looked at in one go
        return _BEARER.sub("***", cut) if "eyJ" in cut else cut
    escaped = "".join(
        character
        if unicodedata.category(character) not in _UNSAFE_CATEGORIES
        else _ESCAPE(character)[0].decode("ascii")
        for character in cut
    )
    return _BEARER.sub("***", escaped)
