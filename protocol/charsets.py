"""Texts in files: read in the character set that is named, or by a mark, or refused with a reason.

Nothing is ever read or written with characters in place of others: a text that was opened and is
saved again is the same. Pure.
"""

from __future__ import annotations

import codecs

from protocol.errors import GatewayError, Kind

__all__ = ["CHARSETS", "charset_of", "decoded", "encoded"]

CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gbk": "gbk",
    "gb2312": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "shift_jis": "shift_jis",
    "euc-kr": "euc_kr",
    "euc-jp": "euc_jp",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
"""The names by which character sets are asked for, and the codec of each."""

_UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, _UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_SHOWN = 40


def charset_of(name: str, field: str = "charset") -> str:
    """The codec of a name, empty for none. INVALID for a name that is not known here."""
    word = name.strip().lower()
    if word and word not in CHARSETS:
        shown = name[:_LONGEST_SHOWN]
        known = ", ".join(sorted(CHARSETS))
        raise GatewayError(
            Kind.INVALID, f"{field} {shown!r} is not known here (known: {known})", field=field
        )
    return CHARSETS.get(word, "")


def decoded(data: bytes, codec: str = "", field: str = "charset") -> str:
    """The text of a file, without the byte order mark before it.

    ``codec`` comes from ``charset_of``; without one a byte order mark decides, else it is UTF-8.

    Raises:
        GatewayError: INVALID, with the character set, the byte and the line of the first fault.
    """
    mark, known = next((one for one in _MARKS if data.startswith(one[0])), (b"", _UTF_8))
    # Clients that name UTF-8 do so unlooked: a mark knows better.
    if codec in {"", _UTF_8, known}:
        codec = known
    else:
        mark = b""
    try:
        return data[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        start = len(mark) + error.start
        line = data.count(b"\n", 0, start) + 1
        raise GatewayError(
            Kind.INVALID,
            f"the file is not {_shown(codec)}: {error.reason}, byte 0x{data[start]:02x} at "
            f"offset {start}, line {line}; name its character set in "
            f"{field}, such as gbk",
            field=field,
        ) from error


def encoded(text: str, codec: str = "", field: str = "charset") -> bytes:
    """The bytes of a text. INVALID if the character set cannot say one of its characters."""
    codec = codec or _UTF_8
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        sign = ord(text[error.start])
        raise GatewayError(
            Kind.INVALID,
            f"{_shown(codec)} has no U+{sign:04X}, which stands in line {line}",
            field=field,
        ) from error


def _shown(codec: str) -> str:
    return codec.upper().replace("_", "-")
