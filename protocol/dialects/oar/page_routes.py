"""Pages that are no answers: the first one, the forms, and the style of them all.

OAR document, *HTML forms*. What the forms are sent to are the routes that programs use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from protocol.accounts import Reads
from protocol.command import Command, Given
from protocol.dialect import Route
from protocol.dialects.oar.formats import Format, address, wanted
from protocol.dialects.oar.pages.forms import generate_form, job_form, rule_form
from protocol.dialects.oar.pages.layout import HEADERS, TITLE, document
from protocol.dialects.oar.pages.markup import Markup, joined, tag, text
from protocol.dialects.oar.pages.style import STYLE
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request

__all__ = ["page_routes"]

_WELCOME = (
    "Welcome on the oar API. Programs read the same addresses that end in .json or .yaml.",
    "Resources, and the list of jobs, are there for everybody; a job needs a login.",
)
Form = Callable[[str, Request], Markup]


def page_routes(base: str) -> Iterator[Route[Any]]:
    """The rows below a mount."""
    yield _page(f"{base}/index", TITLE, _welcome, reads=Reads.PUBLIC)
    yield _page(f"{base}/login", "You are logged in", _welcome)
    for path in (f"{base}/jobs/form", f"{base}/form"):
        yield _page(path, "Submit a job", job_form)
    yield _page(f"{base}/resources/form", "New resources", generate_form)
    yield _page(f"{base}/admission_rules/form", "New admission rule", rule_form)
    yield Route("GET", f"{base}/style.css", _nothing, _render_style, open=True)


def _page(path: str, heading: str, body: Form, reads: Reads = Reads.LOGGED_IN) -> Route[None]:
    def parse(request: Request) -> Command[None]:
        if wanted(request) is not Format.HTML:
            raise GatewayError(
                Kind.NOT_FOUND, "a form is a page: its address ends in .html", subject=Subject.ROUTE
            )
        return Given(None)

    def render(_nothing: None, request: Request) -> Reply:
        base = address(request)
        page = document(heading, body(base, request), base, request.user)
        return Reply(200, page, "text/html; charset=utf-8", HEADERS)

    return Route("GET", path, parse, render, reads=reads)


def _welcome(_base: str, _request: Request) -> Markup:
    return joined(tag("p", text(line), class_="note") for line in _WELCOME)


def _nothing(_request: Request) -> Command[None]:
    return Given(None)


def _render_style(_nothing: None, _request: Request) -> Reply:
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Reply(200, STYLE.encode(), "text/css; charset=utf-8", headers)
