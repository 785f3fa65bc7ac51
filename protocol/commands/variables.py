"""Variables that users keep with the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.command import Command

__all__ = ["ListVariables", "SaveVariables"]


@dataclass(frozen=True, slots=True)
class ListVariables(Command[Mapping[str, str]]):
    """Asks for a user's variables, in the order in which they were saved.

    ``owner`` is whose: empty for the caller's own; another's are for admins.
    """

    owner: str = ""


@dataclass(frozen=True, slots=True)
class SaveVariables(Command[None]):
    """Asks to keep these variables of the caller, and no others."""

    variables: Mapping[str, str]
