"""Makes the output of a task harmless to a terminal: it is data, and not for the terminal to obey.

Pure. Control characters become visible in caret notation; colours are left out; what rewrites the
direction of text becomes its code point. Tab and the end of the line pass.
"""

from __future__ import annotations

import re

__all__ = ["harmless"]

_SUSPECT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")

_VISIBLE: dict[int, str] = {
    **{code: f"^{chr(code + 64)}" for code in range(32) if code != ord("\t")},
    0x7F: "^?",
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
    **{
        code: f"\\u{code:04x}"
        for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    },
}


def harmless(data: bytes) -> bytes:
    """One line for a terminal: nothing in it moves the cursor, sets a title or hides text."""
    text = data.decode("utf-8", "replace").removesuffix("\r")
    if not _SUSPECT.search(text):
        return text.encode()
    return _COLOUR.sub("", text).translate(_VISIBLE).encode()
