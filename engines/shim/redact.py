"""Keeps secrets out of what is recorded, also where one is cut in two by the writes that bring it.

Works on bytes of one stream, in order. What could be the beginning of a secret is held back until
more comes or the stream ends. It must never let a secret through and never change anything else.
The shim imports this file: standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from engines.rundir.texts import MAX_RAW_CHARACTERS, sentence

__all__ = ["MASK", "Redactor"]

MASK = b"******"
"""What stands in the place of a secret."""

_LONG_LINE = 8
_FEW = 32
_NEVER = re.compile(rb"(?!)")


class Redactor:
    """Takes secrets out of one stream.

    Args:
        secrets: the texts; empty ones hide nothing. Of several that fit the longest counts. Each
            longer line of a text of several lines is a secret as well.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: list[bytes] = []
        self._any: re.Pattern[bytes] | None = None
        self._held = b""
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Takes these out as well from here on."""
        texts = {form for secret in secrets for form in _forms(secret)}
        lines = {line for text in texts for line in text.splitlines() if len(line) >= _LONG_LINE}
        known = {*self._secrets, *filter(None, texts), *lines}
        self._secrets = sorted(known, key=len, reverse=True)
        # Of very many nearly none is in a piece: looking for each is quicker than for all at once.
        self._any = _any_of(self._secrets) if len(known) <= _FEW else None

    @property
    def forms(self) -> tuple[bytes, ...]:
        """All that it looks for, the longest first."""
        return tuple(self._secrets)

    def text(self, text: str, *, whole: bool = True) -> str:
        """A text by itself without them; of one that was cut, the end may be half a secret."""
        if not self._secrets:
            return text
        other = Redactor()
        other._secrets, other._any = self._secrets, self._any
        data = other.feed(text.encode("utf-8", "surrogatepass"))
        return (data + other.end() if whole else data).decode("utf-8", "surrogatepass")

    def sentence(self, text: str) -> str:
        """One sentence without them, fit to be kept: of a text of several lines the first."""
        return sentence(self.text(text, whole=len(text) < MAX_RAW_CHARACTERS))

    def feed(self, data: bytes) -> bytes:
        """What may be recorded now."""
        if not self._secrets:
            return data
        data = self._held + data
        pattern = self._pattern(data)
        done: list[bytes] = []
        start = 0
        while True:
            hold = self._hold(data, start)
            found = pattern.search(data, start)
            # A longer secret may begin before the one that is whole: then it is waited for.
            if found is None or hold < found.start() or self._grows(data, found):
                break
            done += (data[start : found.start()], MASK)
            start = found.end()
        if found is not None:
            hold = min(hold, found.start())
        self._held = data[hold:]
        done.append(data[start:hold])
        return b"".join(done)

    def end(self) -> bytes:
        """What was held back and may be recorded, since no more will come."""
        data, self._held = self._held, b""
        return self._pattern(data).sub(MASK, data) if self._secrets else data

    def _pattern(self, data: bytes) -> re.Pattern[bytes]:
        """What finds those secrets that are in the data."""
        return self._any or _any_of([secret for secret in self._secrets if secret in data])

    def _hold(self, data: bytes, start: int) -> int:
        """Where the first possible beginning of a secret stands that the data cut off."""
        first = len(data)
        for secret in self._secrets:
            place = data.find(secret[0], max(start, len(data) - len(secret) + 1), first)
            while place >= 0:
                if secret.startswith(data[place:]):
                    first = place
                    break
                place = data.find(secret[0], place + 1, first)
        return first

    def _grows(self, data: bytes, found: re.Match[bytes]) -> bool:
        """Whether what was found at the end of the data may be the beginning of a longer secret."""
        rest = data[found.start() :]
        return any(len(rest) < len(one) and one.startswith(rest) for one in self._secrets)


def _forms(secret: str) -> Iterable[bytes]:
    """A secret as it is, and as Python and JSON write it in quotes."""
    written = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    written.add(json.dumps(secret, ensure_ascii=False)[1:-1])
    return {text.encode("utf-8", "surrogateescape") for text in written}


def _any_of(secrets: list[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(map(re.escape, secrets))) if secrets else _NEVER
