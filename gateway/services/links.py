"""Links that prove something by themselves: a browser that follows one sends no header.

A word says until when it counts and holds a digest of that and of what it is for, under a key that
is derived from the gateway's. Nothing of it is kept; it ends by itself, at the latest in a day.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from gateway import clock
from gateway.caller import Access, Caller
from gateway.services.parts import Issuer, Parts
from gateway.services.service import Verb
from protocol.commands.links import CheckLink, SignLink
from protocol.errors import GatewayError, Kind, Subject

__all__ = ["LinkService"]

_PURPOSE = "narthex links 1"
_LONGEST_SECONDS = 86_400
_DIGEST_BYTES = 18
_WORD = re.compile(r"([0-9a-f]{1,12})-([A-Za-z0-9_-]{24})", re.ASCII)


class LinkService:
    """Carries out the commands on links, with the key of the gateway's tokens."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    @classmethod
    def of(cls, parts: Parts) -> LinkService:
        """The service of a gateway."""
        return cls(parts.credentials.issuer)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(SignLink, Access.USER, self.sign),
            Verb(CheckLink, Access.OPEN, self.check),
        )

    async def sign(self, caller: Caller, command: SignLink) -> str:
        """A word for a scope."""
        del caller
        if not 1 <= command.seconds <= _LONGEST_SECONDS:
            raise GatewayError(Kind.INVALID, "a link lives for up to a day", field="seconds")
        ends = f"{clock.now_ms() // 1000 + command.seconds:x}"
        return f"{ends}-{self._digest(command.scope, ends)}"

    async def check(self, caller: Caller, command: CheckLink) -> None:
        """Refuses a word that is none, or was one for something else or until an earlier time."""
        del caller
        found = _WORD.fullmatch(command.word)
        if found is not None:
            ends, digest = found.groups()
            good = hmac.compare_digest(digest, self._digest(command.scope, ends))
            if good and int(ends, 16) * 1000 > clock.now_ms():
                return
        raise GatewayError(
            Kind.UNAUTHENTICATED, "this link is not valid, or not any more", subject=Subject.TOKEN
        )

    def _digest(self, scope: str, ends: str) -> str:
        whole = self._issuer.seal(_PURPOSE, f"{ends} {scope}")
        return urlsafe_b64encode(whole[:_DIGEST_BYTES]).decode()
