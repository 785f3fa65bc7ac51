"""Signals in the fields of a request, an extension of ours."""

from __future__ import annotations

from protocol.control import signal_number
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.tasks import Warn

__all__ = ["signal_of", "warning"]


def signal_of(fields: Fields) -> int:
    """The field ``signal``: a name, with or without SIG, or a number."""
    value = fields.values.get("signal")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid(fields.path("signal"), "must be the name or the number of a signal")
    return signal_number(str(value), fields.path("signal"))


def warning(fields: Fields) -> Warn | None:
    """The field ``warn`` of a submission: ``signal`` and ``seconds`` before the time limit."""
    if fields.values.get("warn") is None:
        return None
    asked = fields.object("warn")
    return Warn(signal_of(asked), asked.seconds("seconds"))
