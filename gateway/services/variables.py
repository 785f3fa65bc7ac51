"""Variables of users: each sees and keeps their own, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gateway.caller import Access
from gateway.services.lookup import Users, known_user
from gateway.services.parts import Parts
from gateway.services.service import Verb, for_user
from gateway.stores.variables import Variables
from protocol.accounts import Principal
from protocol.commands.variables import ListVariables, SaveVariables
from protocol.errors import GatewayError, Kind

__all__ = ["VariableService"]

T = TypeVar("T")

_MOST = 500
_LONGEST_NAME = 128
_LONGEST_VALUE = 4096


class VariableService:
    """Carries out the commands on variables.

    Args:
        store: where they are.
        users: who has an account.
    """

    def __init__(self, store: Variables, users: Users) -> None:
        self._store = store
        self._users = users

    @classmethod
    def of(cls, parts: Parts) -> VariableService:
        """The service of a gateway."""
        return cls(parts.stores.variables, parts.stores.directory)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(
                ListVariables,
                Access.LOOK,
                for_user(self.list),
                owner=lambda asked: asked.owner,
                others="use others' variables",
            ),
            Verb(SaveVariables, Access.USER, for_user(self.save)),
        )

    async def list(self, principal: Principal, command: ListVariables) -> Mapping[str, str]:
        """The variables of a user."""
        owner = known_user(self._users, command.owner).name if command.owner else principal.name
        return await _do(lambda: self._store.read(owner))

    async def save(self, principal: Principal, command: SaveVariables) -> None:
        """Keeps variables in place of those there were."""
        if len(command.variables) > _MOST:
            raise GatewayError(Kind.TOO_LARGE, f"a user keeps at most {_MOST} variables")
        for name, value in command.variables.items():
            _check(name, value)
        await _do(lambda: self._store.write(principal.name, command.variables))


async def _do(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise GatewayError(
            Kind.UNAVAILABLE, "the variables cannot be reached at the moment", retry_after=5.0
        ) from error


def _check(name: str, value: str) -> None:
    if not 0 < len(name) <= _LONGEST_NAME:
        raise GatewayError(Kind.INVALID, f"a name has 1 to {_LONGEST_NAME} characters")
    if len(value) > _LONGEST_VALUE:
        raise GatewayError(
            Kind.TOO_LARGE, f"the value of {name} has more than {_LONGEST_VALUE} characters"
        )
    try:
        (name + value).encode()
    except UnicodeEncodeError as error:
        raise GatewayError(Kind.INVALID, "a name or a value is not valid text") from error
    if "\0" in name + value:
        raise GatewayError(Kind.INVALID, "a name or a value holds a NUL character")
