"""One way in for every command: the guard, then the one row of the services' tables that knows it.

Nothing in a command is believed about who gives it: a caller is whoever the transport identified.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

from gateway.auth.guard import admit
from gateway.caller import Access, Caller
from gateway.metrics import Metrics
from gateway.services.audit import audit
from gateway.services.command_budget import CommandBudget
from gateway.services.heavy_work import HeavyWork
from gateway.services.service import Verb
from protocol.accounts import Reads
from protocol.command import Command, Each, Given, Reworded, Then
from protocol.errors import GatewayError, Kind

__all__ = ["Dispatch"]

R = TypeVar("R")


class Dispatch:
    """Carries commands out. ``verbs`` is the joined table (``services/catalog.py``)."""

    def __init__(
        self,
        verbs: Mapping[type[Command[Any]], Verb[Any, Any]],
        metrics: Metrics,
        heavy: HeavyWork,
    ) -> None:
        self._heavy = heavy
        self._verbs = verbs
        self._metrics = metrics

    async def __call__(self, caller: Caller, command: Command[R]) -> R:
        """What the command asked for.

        Raises:
            GatewayError: the refusal, of whatever kind.
        """
        verb = self._verbs.get(type(command))
        if verb is not None:
            return cast("R", await self._one(caller, verb, command))
        return cast("R", await self._any(caller, command, CommandBudget()))

    async def _any(self, caller: Caller, command: Command[Any], budget: CommandBudget) -> object:
        while isinstance(command, Then):
            budget.spend()
            # What is made of a first result may be a script of any length.
            found = await self._any(caller, command.first, budget)
            user = caller.principal.name if caller.principal else caller.address
            work = partial(command.next, found)
            command = work() if command.quick else await self._heavy.run(user, work)
        if isinstance(command, Given):
            return command.value
        if isinstance(command, Reworded):
            try:
                return await self._any(caller, command.command, budget)
            except GatewayError as error:
                raise command.words(error) from error
        if isinstance(command, Each):
            return await self._each(caller, command, budget)
        budget.spend()
        verb = self._verbs.get(type(command))
        if verb is None:
            raise GatewayError(Kind.FORBIDDEN, f"nobody may ask for {type(command).__name__}")
        return await self._one(caller, verb, command)

    async def _each(self, caller: Caller, each: Each[Any], budget: CommandBudget) -> object:
        budget.check(each)
        results: list[object] = []
        for command in each.commands:
            try:
                results.append(await self._any(caller, command, budget))
            except GatewayError as error:
                if error.kind is Kind.UNAUTHENTICATED or budget.is_spent:
                    raise
                results.append(error)
        return tuple(results)

    async def _one(self, caller: Caller, verb: Verb[Any, Any], command: Command[Any]) -> object:
        outcome, result, begun = "failed", None, time.perf_counter()
        try:
            admit(caller, verb.access, verb.owner(command), verb.others)
            if caller.reads is not Reads.OWN and verb.access is not Access.READ:
                caller = replace(caller, reads=Reads.OWN)  # what is shared is shared for reading
            result = await verb.do(caller, command)
            outcome = "done"
            return cast("object", result)
        except GatewayError as error:
            outcome = error.kind.value
            raise
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        finally:
            seconds = time.perf_counter() - begun
            self._metrics.carried_out(type(command).__name__, outcome, seconds)
            audit(caller, command, outcome, result)
