"""Links: addresses that are a proof by themselves, for who cannot send one with a request."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command

__all__ = ["CheckLink", "SignLink"]


@dataclass(frozen=True, slots=True)
class SignLink(Command[str]):
    """Asks for a word that proves, for so many seconds, that a user may read something.

    ``scope`` is what it may be used for, in the words of the dialect, which has asked for the thing
    itself before: nothing is looked up here. The word is fit for a segment of a path.
    """

    scope: str
    seconds: int = 3600


@dataclass(frozen=True, slots=True)
class CheckLink(Command[None]):
    """Asks whether a word was signed for a scope and has not ended; refused if not."""

    scope: str
    word: str
