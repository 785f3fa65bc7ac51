"""Admission rules: what a gateway asks of submissions, in a closed language.

The language is that of the OAR contract, section 11. A rule is one mapping, in YAML or JSON:

    if: <condition over what is submitted>      # may be left out: always
    then: [actions, in order]

    deny: text                   say: text              add_type: text
    set: {queue | project | name: text}                 set: {walltime: seconds or h:m:s}
    max: {walltime: seconds | array: n | resources: n}
    require: <condition that the leaves have to fulfil>
    allow_types: [patterns, as of LIKE]

With ``clip: true`` beside it a ``max`` makes a larger value smaller, without it the submission is
refused; resources are never clipped.
Everything else is no rule of ours: it is kept and shown, and never evaluated (such as the Perl of
OAR). Reading is one pass over a bounded text; applying a rule takes at most MAX_RULE_STEPS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from protocol.errors import GatewayError, Kind, Subject
from protocol.expressions import ALWAYS, Expr, ExprError, Value
from protocol.media import JsonValue
from protocol.yaml_document import decode_yaml

__all__ = [
    "MAX_RULE_STEPS",
    "MAX_RULE_TEXT",
    "VARIABLES",
    "Admitted",
    "Draft",
    "Facts",
    "Program",
    "Rule",
    "apply_rules",
    "read_rule",
]

MAX_RULE_TEXT = 64 * 1024
"""Characters of a text that is kept."""
MAX_RULE_STEPS = 1000
"""Comparisons in one application of one rule."""
MAX_ACTIONS = 50
MAX_SHOWN = 1000
MAX_WORD = 128
MAX_NUMBER = 10**12

VARIABLES = frozenset(
    {
        "user",
        "groups",
        "queue",
        "project",
        "name",
        "type",
        "walltime",
        "nb_resources",
        "array_size",
        "reservation",
        "job_type",
        "waiting_jobs",
        "running_jobs",
        "hour",
        "weekday",
        "level",
    }
)
"""What a condition may speak of."""

_UNFIT = re.compile(r"[\x00-\x1f\x7f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_DURATION = re.compile(r"([0-9]{1,9}):([0-9]{1,2})(?::([0-9]{1,2}))?", re.ASCII)
_TEXTS = ("queue", "project", "name")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is kept. Rules count in the order of their priority, then of their id."""

    id: int
    text: str
    priority: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """What is submitted, as far as rules speak of it.

    Empty texts are NULL to a condition; ``types`` never are. ``walltimes`` are the seconds of each
    alternative, 0 for one that says none: ``walltime`` is NULL as long as there is such a one, else
    any of them may fit. ``resources`` is how many leaves the largest alternative asks for, at
    least. ``levels`` are the properties by which resources are asked for.
    """

    queue: str = ""
    project: str = ""
    name: str = ""
    types: tuple[str, ...] = ()
    walltimes: tuple[int, ...] = (0,)
    resources: int = 1
    array_size: int = 1
    reservation: bool = False
    interactive: bool = False
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so at the moment. ``weekday`` is 1 for Monday to 7, ``hour`` 0 to 23."""

    user: str
    groups: tuple[str, ...] = ()
    waiting_jobs: int = 0
    running_jobs: int = 0
    hour: int = 0
    weekday: int = 1


@dataclass(frozen=True, slots=True)
class Admitted:
    """A submission as the rules leave it, what they say, and what they require of leaves."""

    draft: Draft
    messages: tuple[str, ...] = ()
    requires: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuses the submission with a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """Tells the submitter something."""

    text: str


@dataclass(frozen=True, slots=True)
class Set:
    """Gives a value of the submission."""

    name: str
    value: str | int


@dataclass(frozen=True, slots=True)
class Most:
    """Bounds a number of the submission."""

    name: str
    value: int
    clip: bool


@dataclass(frozen=True, slots=True)
class AddType:
    """Makes the task one of this type as well."""

    type: str


@dataclass(frozen=True, slots=True)
class AllowTypes:
    """Refuses a type that fits none of the patterns."""

    patterns: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Require:
    """Requires something of every leaf."""

    filter: Expr


Action = Deny | Say | Set | Most | AddType | AllowTypes | Require


@dataclass(frozen=True, slots=True)
class Program:
    """What a text in the language says."""

    condition: Expr
    actions: tuple[Action, ...]


def read_rule(text: str) -> Program:
    """What a text says.

    Raises:
        GatewayError: INVALID or TOO_LARGE with why it is not in the language, and where.
    """
    rule = _mapping(decode_yaml(text), "a rule")
    _only(rule, {"if", "then"}, "a rule")
    condition = _condition(rule.get("if", ""), "if")
    if unknown := sorted(condition.names - VARIABLES):
        raise _invalid(f"{unknown[0][:40]!r} is nothing that a condition of a rule may speak of")
    actions = rule.get("then")
    listed = actions if isinstance(actions, list) else [actions]
    if len(listed) > MAX_ACTIONS:
        raise _invalid(f"a rule has at most {MAX_ACTIONS} actions")
    return Program(condition, tuple(_action(one, at) for at, one in enumerate(listed, 1)))


def apply_rules(rules: Iterable[tuple[int, Program]], draft: Draft, facts: Facts) -> Admitted:
    """The submission as the rules leave it, each of which sees what those before it made of it.

    Raises:
        GatewayError: INVALID about a RULE, with the text of the first that refuses; TOO_LARGE if
            one takes too many steps.
    """
    admitted = Admitted(draft)
    for number, program in rules:
        try:
            if program.condition.holds(_values(admitted.draft, facts), MAX_RULE_STEPS):
                for action in program.actions:
                    admitted = _applied(admitted, action)
        except GatewayError as error:
            if error.kind is not Kind.TOO_LARGE:
                raise
            raise GatewayError(
                Kind.TOO_LARGE,
                f"admission rule {number} takes too many steps",
                subject=Subject.RULE,
            ) from error
    return admitted


def _values(draft: Draft, facts: Facts) -> Mapping[str, Value]:
    return {
        "user": facts.user,
        "groups": facts.groups,
        "queue": draft.queue or None,
        "project": draft.project or None,
        "name": draft.name or None,
        "type": draft.types,
        "walltime": draft.walltimes if draft.walltimes and all(draft.walltimes) else None,
        "nb_resources": draft.resources,
        "array_size": draft.array_size,
        "reservation": "YES" if draft.reservation else "NO",
        "job_type": "INTERACTIVE" if draft.interactive else "PASSIVE",
        "waiting_jobs": facts.waiting_jobs,
        "running_jobs": facts.running_jobs,
        "hour": facts.hour,
        "weekday": facts.weekday,
        "level": draft.levels,
    }


def _applied(admitted: Admitted, action: Action) -> Admitted:
    draft = admitted.draft
    match action:
        case Deny(text):
            raise _refused(text)
        case Say(text):
            return replace(admitted, messages=(*admitted.messages, text))
        case Require(filter_):
            return replace(admitted, requires=(*admitted.requires, filter_))
        case AddType(name):
            types = draft.types if name in draft.types else (*draft.types, name)
            return replace(admitted, draft=replace(draft, types=types))
        case AllowTypes(patterns):
            for name in draft.types:
                if not any(one.holds({"type": name}, MAX_RULE_STEPS) for one in patterns):
                    raise _refused(f"Error: unknown job type: {name[:MAX_WORD]}")
            return admitted
        case Set():
            return replace(admitted, draft=_set(draft, action))
        case Most():
            return replace(admitted, draft=_bounded(draft, action))


def _set(draft: Draft, action: Set) -> Draft:
    """A walltime is given to the alternatives that have none, and to all if there is no such."""
    match action.name, action.value:
        case "queue", str(text):
            return replace(draft, queue=text)
        case "project", str(text):
            return replace(draft, project=text)
        case "name", str(text):
            return replace(draft, name=text)
    seconds = int(action.value)
    given = all(draft.walltimes)
    return replace(
        draft, walltimes=tuple(seconds if given else one or seconds for one in draft.walltimes)
    )


def _bounded(draft: Draft, action: Most) -> Draft:
    """A walltime that is not said is not bounded: give it first."""
    match action.name:
        case "walltime":
            asked = max(draft.walltimes, default=0)
            less = replace(
                draft, walltimes=tuple(min(one, action.value) for one in draft.walltimes)
            )
        case "array":
            asked, less = draft.array_size, replace(draft, array_size=action.value)
        case _:
            asked, less = draft.resources, draft
    if asked <= action.value:
        return draft
    if not action.clip:
        raise _refused(f"at most {action.value} is allowed for {action.name}, not {asked}")
    return less


def _refused(text: str) -> GatewayError:
    return GatewayError(Kind.INVALID, text, subject=Subject.RULE)


def _action(value: JsonValue, at: int) -> Action:  # noqa: PLR0911 - one for each action
    action = dict(_mapping(value, f"action {at}"))
    clip = _flag(action.pop("clip", False))
    if len(action) != 1:
        raise _invalid(f"action {at} must be one of deny, say, set, max, add_type, require")
    (name, said), *_ = action.items()
    if clip and name != "max":
        raise _invalid(f"clip belongs to max, not to {name[:40]!r}")
    match name:
        case "deny":
            return Deny(_text(said, name, MAX_SHOWN))
        case "say":
            return Say(_text(said, name, MAX_SHOWN))
        case "add_type":
            return AddType(_text(said, name, MAX_WORD))
        case "allow_types":
            return _allow_types(said)
        case "require":
            return Require(_condition(said, name))
        case "set":
            return _setting(said)
        case "max":
            return _most(said, clip=clip)
        case _:
            raise _invalid(f"action {at} is {name[:40]!r}, which is none")


def _allow_types(said: JsonValue) -> AllowTypes:
    if not isinstance(said, list) or len(said) > MAX_ACTIONS:
        raise _invalid(f"allow_types must be a list of at most {MAX_ACTIONS} patterns")
    patterns = (_text(one, "allow_types", MAX_WORD).replace("'", "''") for one in said)
    return AllowTypes(tuple(Expr(f"type LIKE '{pattern}'") for pattern in patterns))


def _setting(said: JsonValue) -> Set:
    name, value = _pair(said, "set", (*_TEXTS, "walltime"))
    if name == "walltime":
        return Set(name, _seconds(value, "set.walltime"))
    return Set(name, _text(value, f"set.{name}", MAX_WORD))


def _most(said: JsonValue, *, clip: bool) -> Most:
    bound = dict(_mapping(said, "max"))
    clip = _flag(bound.pop("clip", clip))
    name, value = _pair(bound, "max", ("walltime", "array", "resources"))
    if clip and name == "resources":
        raise _invalid("resources cannot be clipped")
    number = _seconds(value, f"max.{name}") if name == "walltime" else _count(value, f"max.{name}")
    return Most(name, number, clip)


def _pair(said: JsonValue, what: str, names: tuple[str, ...]) -> tuple[str, JsonValue]:
    pairs = list(_mapping(said, what).items())
    if len(pairs) != 1 or pairs[0][0] not in names:
        raise _invalid(f"{what} must be of one of {', '.join(names)}")
    return pairs[0]


def _mapping(value: JsonValue, what: str) -> Mapping[str, JsonValue]:
    if not isinstance(value, dict):
        raise _invalid(f"{what} must be a mapping")
    return value


def _only(value: Mapping[str, JsonValue], names: set[str], what: str) -> None:
    if unknown := sorted(value.keys() - names):
        raise _invalid(f"{what} has no {unknown[0][:40]!r}")


def _condition(value: JsonValue, what: str) -> Expr:
    if not isinstance(value, str):
        raise _invalid(f"{what} must be a text")
    try:
        return Expr(value) if value.strip() else ALWAYS
    except ExprError as error:
        raise _invalid(f"{what}: {error.message}") from error


def _text(value: JsonValue, what: str, longest: int) -> str:
    if not isinstance(value, str) or not value or len(value) > longest or _UNFIT.search(value):
        raise _invalid(f"{what} must be a line of 1 to {longest} characters")
    return value


def _seconds(value: JsonValue, what: str) -> int:
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        value = hours * 3600 + minutes * 60 + seconds
    return _count(value, what)


def _count(value: JsonValue, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_NUMBER:
        raise _invalid(f"{what} must be a number from 1 on")
    return value


def _flag(value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise _invalid("clip must be true or false")
    return value


def _invalid(why: str) -> GatewayError:
    return GatewayError(Kind.INVALID, why, field="rule", subject=Subject.RULE)
