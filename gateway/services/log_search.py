"""Searching a log: a bounded stretch for each request, one request of a user at a time.

What is recorded on disk is searched, which is all of a log, also of one that runs. The work is
done beside the loop, in turns, so that nobody's search delays what others read or kill.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway import clock
from gateway.caller import Access, Caller
from gateway.services.heavy_work import HeavyWork
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.stores.log_search import Found, LogSearch
from gateway.stores.spool import Spool
from protocol.commands.logs import LogMatches, SearchLog
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

__all__ = ["LogSearches"]

_SECONDS = 0.2
"""How long one request looks: a whole log is searched by asking again from where it came to."""
_MOST_LINES = 1000
_LONGEST = 1000
_MAX_LINE = (1 << 53) - 1


class LogSearches:
    """Carries out searches.

    Args:
        lookup: finds the task, if the caller may see it.
        spool: where the logs are.
        heavy: does the work beside the loop.
    """

    def __init__(self, lookup: Lookup, spool: Spool, heavy: HeavyWork) -> None:
        self._lookup = lookup
        self._spool = spool
        self._heavy = heavy

    @classmethod
    def of(cls, parts: Parts) -> LogSearches:
        """The service of a gateway."""
        return cls(parts.get(Lookup), parts.stores.spool, parts.heavy)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (Verb(SearchLog, Access.READ, self.search),)

    async def search(self, caller: Caller, command: SearchLog) -> LogMatches:
        """The lines that were found in the time that one request has."""
        text = _checked(command)
        task = await self._lookup.seen(caller, command.task)
        found = await self._heavy.run(caller.who, lambda: self._searched(task.id, command, text))
        return LogMatches(task, found.lines, found.next, found.more)

    def _searched(self, task_id: TaskId, command: SearchLog, text: bytes) -> Found:
        run = self._spool.find(task_id)
        if run is None:
            return Found((), command.line, more=False)
        deadline = clock.monotonic() + _SECONDS
        search = LogSearch(
            run,
            text,
            command.limit,
            ignore_case=command.ignore_case,
            overdue=lambda: clock.monotonic() > deadline,
        )
        return search.backward(command.line) if command.backward else search.forward(command.line)


def _checked(command: SearchLog) -> bytes:
    """What is looked for, if everything is within its bounds."""
    try:
        text = command.text.encode()
    except UnicodeEncodeError:
        text = b""
    if not 0 < len(text) <= _LONGEST or b"\n" in text:
        raise GatewayError(
            Kind.INVALID,
            f"text must have 1 to {_LONGEST} bytes in UTF-8 and no line end",
            field="text",
        )
    if not 1 <= command.line <= _MAX_LINE:
        raise GatewayError(Kind.INVALID, f"no log has a line {command.line}", field="fromLine")
    if not 1 <= command.limit <= _MOST_LINES:
        raise GatewayError(Kind.INVALID, f"size must be between 1 and {_MOST_LINES}", field="size")
    return text
