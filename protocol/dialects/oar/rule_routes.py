"""Admission rules: listed, read, made, changed and deleted by administrators.

OAR document, *GET /admission_rules* and those that follow it. A rule is a text in the closed
language of the core; any other text is kept and shown, with a note that says why it is inert.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocol.command import Command
from protocol.commands.rules import (
    AddRule,
    ChangeRule,
    DropRule,
    ListRules,
    ReadRule,
    RuleReport,
)
from protocol.dialect import Route
from protocol.dialects.oar.asking import as_admin
from protocol.dialects.oar.collection import paged, paging
from protocol.dialects.oar.faults import bad_query, missing
from protocol.dialects.oar.formats import Answer, address, hash_of, now_of
from protocol.dialects.oar.rows import row
from protocol.dialects.oar.structures import Structure, keyed, structure_of
from protocol.http import Request
from protocol.media import JsonObject, JsonValue

__all__ = ["rule_routes"]

_FLAGS = {"YES": True, "NO": False, "TRUE": True, "FALSE": False, "1": True, "0": False}
_LONGEST_NUMBER = 15


def rule_routes(base: str) -> Iterator[Route[Any]]:
    """The rows below a mount."""
    rules, both = f"{base}/admission_rules", "GET, POST"
    yield row("GET", rules, parse_list, render_list, "GET", slow=True)
    for method in ("POST", "PUT"):
        yield row(method, rules, parse_add, render_added, both)
    for one in (f"{rules}/{{id}}", f"{base}/admission_rule/{{id}}"):
        yield row("GET", one, parse_one, render_one, "GET")
        yield row("POST", one, parse_change, render_changed, "GET, POST")
        yield row("DELETE", one, parse_delete, render_deleted, "GET")


def parse_list(request: Request) -> Command[tuple[RuleReport, ...]]:
    """Asks for all rules."""
    structure_of(request)
    paging(request)
    return as_admin(ListRules)


def render_list(reports: tuple[RuleReport, ...], request: Request) -> Answer:
    """A page of them."""
    part = paging(request)
    shown = part.of(reports)
    items: list[JsonValue] = [_item(report, request) for report in shown]
    found = paged(items, len(reports), part, request)
    return Answer(keyed(found, [report.rule.id for report in shown], structure_of(request)))


def parse_one(request: Request) -> Command[RuleReport]:
    """Asks for one rule."""
    structure_of(request)
    number = _number(request)
    return as_admin(lambda: ReadRule(number))


def render_one(report: RuleReport, request: Request) -> Answer:
    """An array of one, or a hash by its id."""
    item = _item(report, request)
    if structure_of(request) is Structure.OAR:
        return Answer({str(report.rule.id): item})
    return Answer([item])


def parse_add(request: Request) -> Command[RuleReport]:
    """Asks for a rule to be kept."""
    data = hash_of(request, "admission rule")
    text = _rule(data)
    if text is None:
        raise missing("An admission rule needs a rule")
    priority, enabled = _priority(data), _enabled(data)
    return as_admin(lambda: AddRule(text, priority, enabled))


def render_added(report: RuleReport, request: Request) -> Answer:
    """The rule as it was kept, and where."""
    one = address(request, f"/admission_rules/{report.rule.id}")
    return Answer(_shown(report, request) | {"uri": one}, 201, one)


def parse_change(request: Request) -> Command[RuleReport]:
    """Asks for a rule to be another one, or to go."""
    number = _number(request)
    data = hash_of(request, "admission rule")
    if (method := data.get("method")) is not None:
        if method != "delete":
            raise bad_query(f"Could not understand {str(method)[:40]} method")
        return as_admin(lambda: DropRule(number))
    text, priority, enabled = _rule(data), _priority(data), _enabled(data)
    if text is None and priority is None and enabled is None:
        raise missing("An update needs a rule, a priority or enabled")
    return as_admin(lambda: ChangeRule(number, text, priority, enabled))


def render_changed(report: RuleReport, request: Request) -> Answer:
    """The rule as it is now, or that it is deleted."""
    if hash_of(request, "admission rule").get("method") is None:
        return render_added(report, request)
    now = now_of(request)
    return Answer({"id": report.rule.id, "status": "deleted", "api_timestamp": now}, 202)


def parse_delete(request: Request) -> Command[RuleReport]:
    """Asks for a rule to go."""
    number = _number(request)
    return as_admin(lambda: DropRule(number))


def render_deleted(report: RuleReport, request: Request) -> Answer:
    """The rule as it was."""
    return Answer(_shown(report, request) | {"status": "deleted"})


def _shown(report: RuleReport, request: Request) -> JsonObject:
    rule = report.rule
    shown: JsonObject = {
        "id": rule.id,
        "rule": rule.text,
        "priority": rule.priority,
        "enabled": "YES" if rule.enabled else "NO",
        "api_timestamp": now_of(request),
    }
    return shown | ({"note": report.note} if report.note else {})


def _item(report: RuleReport, request: Request) -> JsonObject:
    """A rule in a list, whose link is one hash, as in OAR."""
    href = address(request, f"/admission_rules/{report.rule.id}")
    shown = _shown(report, request)
    del shown["api_timestamp"]
    shown["links"] = {"rel": "self", "href": href}
    return shown


def _number(request: Request) -> int:
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise bad_query("the id of an admission rule is a number")
    return int(text)


def _rule(data: JsonObject) -> str | None:
    text = data.get("rule")
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise bad_query("a rule is a text")
    return text


def _priority(data: JsonObject) -> int | None:
    value = data.get("priority")
    if value is None or value == "":
        return None
    digits = str(value).removeprefix("-")
    if isinstance(value, bool) or not (digits.isdecimal() and digits.isascii()):
        raise bad_query("a priority is a whole number")
    if len(digits) > _LONGEST_NUMBER:
        raise bad_query("the priority is too large")
    return int(str(value))


def _enabled(data: JsonObject) -> bool | None:
    value = data.get("enabled")
    if value is None or value == "":
        return None
    found = _FLAGS.get(str(value).upper())
    if found is None:
        raise bad_query("enabled is YES or NO")
    return found
