"""The forms: to submit a job, to describe and make resources, to add a rule, to act on a job.

OAR document, *HTML forms*. Each posts to the address that programs post to.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocol.dialects.oar.pages.form_token import hidden
from protocol.dialects.oar.pages.markup import Markup, joined, tag, text
from protocol.http import Request

__all__ = ["commit_form", "generate_form", "job_buttons", "job_form", "rule_form"]

_ACTS = (
    ("deletions", "Delete", "danger"),
    ("holds", "Hold", "plain"),
    ("rholds", "Suspend", "plain"),
    ("resumptions", "Resume", "plain"),
    ("checkpoints", "Checkpoint", "plain"),
    ("resubmissions", "Submit again", "plain"),
)


def job_form(base: str, request: Request) -> Markup:
    """A job to be submitted."""
    fields = (
        _field("command", "Command", "what the job's shell runs", "/bin/sleep 300", needed=True),
        _field(
            "resource", "Resources", "such as /nodes=1/core=2,walltime=0:10:0", "/resource_id=1"
        ),
        _field("name", "Name", "also part of the names of its output files"),
        _field("property", "Property", "a condition for the resources, such as cpu = 2"),
        _field("type", "Type", "such as besteffort"),
        _field("reservation", "Reservation", "when it starts: YYYY-MM-DD HH:MM:SS"),
        _field("directory", "Directory", "where it runs; your home if empty"),
    )
    return _form(f"{base}/jobs.html", "Submit the job", fields, request)


def generate_form(base: str, request: Request) -> Markup:
    """Resources to be described; the answer offers to make them."""
    fields = (
        _field(
            "resources",
            "Resources",
            "counters in braces",
            "/nodes=node{2}/cpu={2}/core={2}",
            needed=True,
        ),
        _field("properties", "Properties", "of all of them, such as memory=16,disk=ssd"),
    )
    return _form(f"{base}/resources/generate.html", "Show what would be made", fields, request)


def commit_form(base: str, document: str, request: Request) -> Markup:
    """Described resources to be made."""
    area = tag("label", joined((text("Resources as YAML"), _area("yaml_array", document))))
    return _form(f"{base}/resources.html", "Make these resources", (area,), request)


def rule_form(base: str, request: Request) -> Markup:
    """An admission rule to be kept."""
    example = (
        "if: queue = 'fast' AND NOT groups HAS 'lab'\nthen: [{deny: the queue is for the lab}]\n"
    )
    area = tag("label", joined((text("Rule"), _area("rule", example))))
    fields = (area, _field("priority", "Priority", "rules count from the lowest; its id if empty"))
    return _form(f"{base}/admission_rules.html", "Add the rule", fields, request)


def _button(address: str, shown: str, kind: str, request: Request, *, usable: bool) -> Markup:
    """A form that is one button."""
    press = tag("button", text(shown), type="submit", class_=kind, disabled=not usable)
    return tag("form", joined((hidden(request), press)), method="post", action=address)


def job_buttons(base: str, number: int, state: str, request: Request) -> Markup:
    """What may be done with a job, of which only what its state allows can be pressed."""
    usable = _usable(state)
    forms = (
        _button(f"{base}/jobs/{number}/{act}/new.html", shown, kind, request, usable=act in usable)
        for act, shown, kind in _ACTS
        if act != ("holds" if state == "Running" else "rholds")
    )
    return tag("div", joined(forms), class_="actions")


def _usable(state: str) -> frozenset[str]:
    match state:
        case "Waiting":
            return frozenset({"deletions", "holds"})
        case "Hold" | "Suspended":
            return frozenset({"deletions", "resumptions"})
        case "Running":
            return frozenset({"deletions", "rholds", "checkpoints"})
        case "Error" | "Terminated":
            return frozenset({"resubmissions"})
        case _:
            return frozenset({"deletions"})


def _form(action: str, shown: str, fields: Sequence[Markup], request: Request) -> Markup:
    press = tag("button", text(shown), type="submit")
    content = joined((*fields, hidden(request), press))
    return tag("form", content, method="post", action=action, class_="fields")


def _field(name: str, shown: str, hint: str, value: str = "", *, needed: bool = False) -> Markup:
    entry = tag("input", type="text", name=name, value=value, required=needed)
    return tag("label", joined((text(shown), tag("small", text(hint)), entry)))


def _area(name: str, value: str) -> Markup:
    # A browser drops the first line end of an area.
    return tag("textarea", Markup(f"\n{text(value)}"), name=name, rows="10", spellcheck="false")
