"""Variables of users: each sees and keeps their own, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from gateway.services.verbs import OnOwn
from gateway.stores.variables import Variables
from protocol.accounts import Principal
from protocol.errors import GatewayError, Kind
from protocol.variables import ListVariables, SaveVariables

__all__ = ["VariableService"]

T = TypeVar("T")

_MOST = 500
_LONGEST_NAME = 128
_LONGEST_VALUE = 4096


class VariableService:
    """Carries out the commands on variables."""

    def __init__(self, store: Variables) -> None:
        self._store = store
        self.verbs: OnOwn = {
            ListVariables: self.list,
            SaveVariables: self.save,
        }
        """What is done for a principal, by the command that asks for it."""

    async def list(self, principal: Principal, _command: ListVariables) -> Mapping[str, str]:
        """The variables of a user."""
        return await _do(lambda: self._store.read(principal.name))

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
