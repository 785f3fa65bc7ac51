"""Words that came out of a task's own code, made fit to be kept and shown.

An error's text may hold anything: half characters, which no encoding knows, control characters,
megabytes. It is cleaned once, where it leaves the run, so that nothing behind can fail over it.
The shim imports this file: standard library only.
"""

from __future__ import annotations

import re

__all__ = ["MAX_MESSAGE_BYTES", "MAX_RAW_CHARACTERS", "bounded", "cut", "plain", "sentence"]

MAX_MESSAGE_BYTES = 4096
"""No sentence about a run is longer, as UTF-8."""
MAX_RAW_CHARACTERS = 1 << 16
"""What an adapter hands on of an error's text at most, before secrets are taken out of it."""

_MORE = " ..."
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SMALL = 0x100


def plain(text: str) -> str:
    """The text with half characters and controls escaped; line feeds and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return _UNFIT.sub(_escaped, text)


def cut(text: str, max_bytes: int = MAX_MESSAGE_BYTES) -> str:
    """The text, or as many of its characters as fit with a mark that more was there."""
    if len(text) <= max_bytes // 4:
        return text
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    return data[: max_bytes - len(_MORE)].decode("utf-8", "ignore") + _MORE


def bounded(text: str) -> str:
    """The text as it may be kept: plain, and cut."""
    return cut(plain(text[:MAX_RAW_CHARACTERS]))


def sentence(text: str) -> str:
    """The first line of a text, as it may be kept."""
    return bounded(text.strip().partition("\n")[0].rstrip())


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < _SMALL else f"\\u{number:04x}"
