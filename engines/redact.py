"""Keeps secrets out of what is recorded, also where one is cut in two by the writes that bring it.

Works on bytes of one stream, in order. What could be the beginning of a secret is held back until
more comes or the stream ends. It must never let a secret through and never change anything else.
The shim imports this file: standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["MASK", "Redactor"]

MASK = b"******"
"""What stands in the place of a secret."""

_LONG_LINE = 8


class Redactor:
    """Takes secrets out of one stream.

    Args:
        secrets: the texts; empty ones hide nothing. Of several that fit the longest counts. Each
            longer line of a text of several lines is a secret as well.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        texts = {secret.encode("utf-8", "surrogateescape") for secret in secrets}
        lines = {line for text in texts for line in text.splitlines() if len(line) >= _LONG_LINE}
        texts |= lines
        self._secrets = sorted(filter(None, texts), key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, self._secrets)))
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may be recorded now."""
        if not self._secrets:
            return data
        data = self._held + data
        done: list[bytes] = []
        start = 0
        while True:
            hold = self._hold(data, start)
            found = self._any.search(data, start)
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
        return self._any.sub(MASK, data) if self._secrets else data

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
