"""By which facts a request about a task is taken, refused, or has nothing to change.

Pure: called under the locks of the run directory with what holds at that moment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from engines.rundir.facts import RunState
from engines.rundir.requests import Control, RunEvent
from gateway.stores.control import RunFacts
from protocol.commands.control import Hold, Resume, SetLimit, Signal, Suspend, Tag
from protocol.control import SIGNALS
from protocol.errors import GatewayError, Kind

__all__ = ["MOST_TAGS", "Asking", "check_limit", "check_tags", "decide"]

MOST_TAGS = 32
_TAG = re.compile(r"[\w.:/=@+-]{1,64}")
_INTERRUPT = SIGNALS["INT"]
_BEGUN = frozenset({RunState.STARTING, RunState.RUNNING, RunState.SUSPENDED})

Asked = Hold | Resume | Suspend | Signal | SetLimit | Tag


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, when (ms since the epoch), and of what the request speaks (``task 7``)."""

    who: str
    at_ms: int
    name: str

    def refused(self, why: str, kind: Kind = Kind.CONFLICT) -> GatewayError:
        """A refusal."""
        return GatewayError(kind, f"{self.name} {why}", field="task")


def decide(asking: Asking, command: Asked) -> Callable[[RunFacts, Control], RunEvent | None]:
    """What is appended for a command, given the facts; None if it holds already.

    The answer raises:
        GatewayError: CONFLICT or UNSUPPORTED, with a sentence.
    """

    def decided(facts: RunFacts, control: Control) -> RunEvent | None:
        if isinstance(command, Signal) and command.request_id in control.ids:
            return None
        if not isinstance(command, Tag):
            _refuse_ended(asking, facts)
        event: RunEvent | None
        match command:
            case Hold():
                event = _hold(asking, facts, control)
            case Resume():
                event = _resume(asking, control)
            case Suspend():
                event = _suspend(asking, facts, control)
            case Signal():
                event = _signal(asking, facts, command)
            case SetLimit():
                event = _limit(asking, control, command)
            case Tag():
                event = _tag(asking, control, command)
        return event

    return decided


def check_limit(seconds: float, most: float) -> float:
    """The limit that counts if this one is asked for and ``most`` (0: any) is allowed.

    Raises:
        GatewayError: INVALID if it is no time.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise GatewayError(
            Kind.INVALID, "the time limit must be a number of seconds from 0 on", field="seconds"
        )
    return min((one for one in (seconds, most) if one > 0), default=0.0)


def check_tags(*words: str) -> None:
    """Refuses what cannot be a tag.

    Raises:
        GatewayError: INVALID, TOO_LARGE.
    """
    if len(words) > 2 * MOST_TAGS:
        raise GatewayError(Kind.TOO_LARGE, f"a task has at most {MOST_TAGS} tags", field="tags")
    for word in words:
        if not _TAG.fullmatch(word):
            raise GatewayError(
                Kind.INVALID,
                "a tag has 1 to 64 letters, digits and characters of ._:/=@+-",
                field="tags",
            )


def _refuse_ended(asking: Asking, facts: RunFacts) -> None:
    if facts.state in (RunState.ENDED, RunState.ORPHANED):
        raise asking.refused("has ended")
    if facts.killed:
        raise asking.refused("is being killed")


def _hold(asking: Asking, facts: RunFacts, control: Control) -> RunEvent | None:
    if facts.begun:
        raise asking.refused("was started already; suspend it instead")
    return None if control.held else RunEvent("hold", asking.at_ms, asking.who)


def _resume(asking: Asking, control: Control) -> RunEvent | None:
    changes = control.held or control.suspended
    return RunEvent("resume", asking.at_ms, asking.who) if changes else None


def _limit(asking: Asking, control: Control, command: SetLimit) -> RunEvent | None:
    if control.seconds == command.seconds:
        return None
    return RunEvent("limit", asking.at_ms, asking.who, seconds=command.seconds)


def _suspend(asking: Asking, facts: RunFacts, control: Control) -> RunEvent | None:
    if not facts.begun or facts.state not in _BEGUN:
        raise asking.refused("does not run yet; hold it instead")
    if facts.session:
        raise asking.refused(
            "runs in a session, which cannot be suspended for one statement;"
            " it can be interrupted with the signal INT",
            Kind.UNSUPPORTED,
        )
    return None if control.suspended else RunEvent("suspend", asking.at_ms, asking.who)


def _signal(asking: Asking, facts: RunFacts, command: Signal) -> RunEvent:
    if not facts.begun or facts.state not in _BEGUN:
        raise asking.refused("does not run yet, so that there is nobody to signal")
    if facts.session and command.signal != _INTERRUPT:
        raise asking.refused(
            "runs in a session; a statement can be sent the signal INT and no other",
            Kind.UNSUPPORTED,
        )
    return RunEvent(
        "signal",
        asking.at_ms,
        asking.who,
        signal=command.signal,
        tree=command.tree,
        id=command.request_id,
    )


def _tag(asking: Asking, control: Control, command: Tag) -> RunEvent | None:
    add = tuple(dict.fromkeys(word for word in command.add if word not in control.tags))
    remove = tuple(dict.fromkeys(word for word in command.remove if word in control.tags))
    left = (set(control.tags) | set(add)) - set(remove)
    if len(left) > MOST_TAGS:
        raise GatewayError(Kind.TOO_LARGE, f"a task has at most {MOST_TAGS} tags", field="tags")
    if not add and not remove:
        return None
    return RunEvent("tag", asking.at_ms, asking.who, tags=add, removed=remove)
