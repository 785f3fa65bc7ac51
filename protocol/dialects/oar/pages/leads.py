"""What stands above the YAML of an answer: the same answer as a table, or what can be done with it.

Made of the value that programs get as well, so that a page can never tell more than that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from protocol.dialects.oar.pages.forms import commit_form, job_buttons
from protocol.dialects.oar.pages.markup import Markup, joined, link, prose, table, tag, text
from protocol.http import Request
from protocol.media import JsonObject, JsonValue
from protocol.yaml_document import encode_yaml

__all__ = ["heading", "lead"]

_JOB = re.compile(r"/jobs/([0-9]{1,15})(?:/.*)?", re.ASCII)
_KINDS = {
    "Running": "busy",
    "Terminated": "good",
    "Alive": "good",
    "Error": "bad",
    "Dead": "bad",
    "Suspected": "bad",
    "Hold": "odd",
    "Suspended": "odd",
    "Absent": "odd",
}
_LATEST = 253402300800  # the year 10000
_JOB_FACTS = (
    "owner",
    "name",
    "queue",
    "command",
    "wanted_resources",
    "message",
    "exit_code",
    "submission_time",
    "start_time",
    "stop_time",
)
_NAMES = {
    "/jobs": "Jobs",
    "/resources": "Resources",
    "/resources/generate": "New resources",
    "/admission_rules": "Admission rules",
    "/config": "Configuration",
}


def heading(path: str) -> str:
    """The name of the page at a path below the mount; empty for one without a name."""
    if found := _JOB.fullmatch(path):
        return f"Job {found[1]}"
    return _NAMES.get(path, "")


def lead(value: JsonValue, path: str, base: str, request: Request) -> Markup:
    """What stands above the YAML; nothing for most answers."""
    if path == "/config" and isinstance(value, list):
        return _settings(one for one in value if isinstance(one, dict))
    if not isinstance(value, dict):
        return Markup("")
    if isinstance(value.get("items"), list):
        return _collection(value, path, base, request)
    found = _JOB.fullmatch(path)
    if found and "command" in value:
        return _job(value, int(found[1]), base, request)
    return _done(value, base) if found or path == "/jobs" else Markup("")


def _collection(value: JsonObject, path: str, base: str, request: Request) -> Markup:
    items = value["items"]
    shown = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    if path == "/resources/generate":
        return commit_form(base, encode_yaml(items).decode(), request)
    if path in {"/jobs", "/jobs/details"}:
        return joined((_jobs(shown, base), _pager(value)))
    if path in {"/resources", "/resources/details", "/resources/full"} and request.method == "GET":
        return joined((_resources(shown, base), _pager(value)))
    if path == "/admission_rules" and request.method == "GET":
        return joined((_rules(shown, base), _pager(value)))
    return Markup("")


def _settings(items: Iterable[JsonObject]) -> Markup:
    rows = [(text(item.get("id")), prose(text(item.get("value")))) for item in items]
    return table(("Variable", "Value"), rows)


def _rules(items: Iterable[JsonObject], base: str) -> Markup:
    rows = [
        (
            link(f"{base}/admission_rules/{item.get('id')}.html", str(item.get("id"))),
            text(item.get("enabled")),
            text(item.get("priority")),
            prose(text(item.get("rule"))),
        )
        for item in items
    ]
    return table(("Id", "Enabled", "Priority", "Rule"), rows)


def _jobs(items: Iterable[JsonObject], base: str) -> Markup:
    rows = [
        (
            link(f"{base}/jobs/{item.get('id')}.html", str(item.get("id"))),
            _state(item),
            text(item.get("owner")),
            text(item.get("name")),
            text(item.get("queue")),
            text(_moment(item.get("submission", item.get("submission_time")))),
        )
        for item in items
    ]
    if not rows:
        offer = link(f"{base}/jobs/form.html", "submit one")
        return tag("p", Markup(f"There is no such job: {offer}."), class_="note")
    return table(("Id", "State", "Owner", "Name", "Queue", "Submitted"), rows)


def _resources(items: Iterable[JsonObject], base: str) -> Markup:
    rows = [
        (
            link(f"{base}/resources/{item.get('id')}.html", str(item.get("id"))),
            _state(item),
            text(item.get("network_address")),
            link(f"{base}/resources/{item.get('id')}/jobs.html", "jobs"),
        )
        for item in items
    ]
    return table(("Id", "State", "Node", "Jobs"), rows)


def _job(job: JsonObject, number: int, base: str, request: Request) -> Markup:
    state = str(job.get("state"))
    facts = [
        Markup(tag("dt", text(name.replace("_", " "))) + tag("dd", text(_fact(name, job))))
        for name in _JOB_FACTS
        if _fact(name, job) not in {None, ""}
    ]
    first = Markup(tag("dt", text("state")) + tag("dd", _state(job)))
    buttons = job_buttons(base, number, state, request)
    return joined((tag("dl", joined((first, *facts))), buttons))


def _fact(name: str, job: JsonObject) -> JsonValue:
    value = job.get(name)
    return _moment(value) if name.endswith("_time") else value


def _done(value: JsonObject, base: str) -> Markup:
    """What was asked for is done: the way to the job."""
    number = value.get("id")
    if not isinstance(number, int):
        return Markup("")
    return tag("p", Markup(f"Go to {link(f'{base}/jobs/{number}.html', f'job {number}')}."))


def _state(item: JsonObject) -> Markup:
    state = str(item.get("state"))
    return tag("span", text(state), class_=f"state {_KINDS.get(state, '')}".strip())


def _moment(value: JsonValue) -> str:
    """A time in seconds since the epoch for a person."""
    if not isinstance(value, int) or not 0 < value < _LATEST:
        return ""
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _pager(value: JsonObject) -> Markup:
    """How many there are, and the pages before and after."""
    links = value.get("links")
    around = [
        link(str(one.get("href")), str(one.get("rel")))
        for one in (links if isinstance(links, list) else [])
        if isinstance(one, dict) and one.get("rel") in {"next", "previous"}
    ]
    total = text(f"{value.get('total')} in all")
    return tag("p", joined((total, *around)), class_="pager")
