"""A protocol without its secrets, as close to what was sent as that can be.

If ``secrets`` is a block of its own at the left margin only this block is replaced and all other
bytes stay; else the document is written anew with the value masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from protocol.media import JsonObject, JsonValue

__all__ = ["MASK", "masked"]

MASK = "******"
_BEGIN = re.compile(r"secrets[ \t]*:[ \t]*(?:#.*)?$")
_OTHER_SPELLING = re.compile(r"""^(?:["']secrets["']|\?|\{|---|%)|[&*]""", re.MULTILINE)


def masked(
    text: str,
    document: JsonObject,
    read: Callable[[str], JsonValue],
    write: Callable[[JsonObject], str],
) -> str:
    """The text that may be shown. ``read`` and ``write`` are the codec of the text.

    The replaced text is read again: it is used only if it says what the document says.
    """
    if "secrets" not in document or document["secrets"] in (None, MASK):
        return text
    wanted: JsonObject = {**document, "secrets": MASK}
    if not _OTHER_SPELLING.search(text):
        shorter = _without_block(text)
        if shorter is not None and read(shorter) == wanted:
            return shorter
    return write(wanted)


def _without_block(text: str) -> str | None:
    """The text with the block under ``secrets`` replaced; None if there is not exactly one."""
    kept: list[str] = []
    found, inside = 0, False
    for line in text.splitlines(keepends=True):
        if inside and (not line.strip() or line[0] in " \t#"):
            continue
        inside = _BEGIN.match(line.rstrip("\r\n")) is not None
        if inside:
            found += 1
            kept.append(f'secrets: "{MASK}"\n')
        else:
            kept.append(line)
    return "".join(kept) if found == 1 else None
