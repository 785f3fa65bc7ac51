"""How a run ended, as the command line says it and as its exit code says it."""

from __future__ import annotations

import signal

__all__ = ["ending_code", "ending_words"]

_WORD_CODES = {"Succeed": 0, "Cancelled": 128 + signal.SIGTERM, "Timeout": 124}


def ending_code(status: str, exit_code: int | None, died_of: int | None) -> int:
    """The exit code of a run as a shell would say it; 0 for success only, 124 for a time limit.

    A run that was killed may have ended by itself in that moment: its own 0 then says nothing.
    """
    if status == "Timeout":
        return _WORD_CODES[status]
    if exit_code is not None and (exit_code or status == "Succeed"):
        return exit_code
    if died_of is not None:
        return 128 + died_of
    return _WORD_CODES.get(status, 1)


def ending_words(status: str, exit_code: int | None, died_of: int | None) -> str:
    """What is said beside the status; empty if that says it all."""
    if died_of is not None:
        return f"signal {died_of}"
    if exit_code is not None and (exit_code or status == "Succeed"):
        return f"exit code {exit_code}"
    return ""
