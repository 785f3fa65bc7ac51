"""The proof that a form was sent from a page of ours: a value that only such a page holds.

HTTP Basic is sent by a browser whoever made it ask. So what a browser sends without a type that
scripts of other sites cannot send must hold the user's token, which the core gives with the request
and other sites cannot read. Programs that are no browser send forms without one.
"""

from __future__ import annotations

import hmac

from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.pages.markup import Markup, tag
from protocol.errors import GatewayError, Kind
from protocol.forms import FormValues
from protocol.http import Request

__all__ = ["FIELD", "check_form", "hidden", "without_token"]

FIELD = "_form_token"

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_BROWSERS = ("origin", "referer", "sec-fetch-site")
_BROWSERS = ("mozilla/", "opera/")
_FREE = frozenset({"application/json", "text/yaml", "application/octet-stream"})
"""No page of another site can have these sent without being allowed to first."""


def check_form(request: Request) -> None:
    """Refuses what a page of another site could have had a browser send.

    Raises:
        OarError: 403.
    """
    if request.method in _SAFE or not request.user or not _by_browser(request):
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FREE or not request.headers.get("authorization", "").lower().startswith("basic"):
        return
    sent = ""
    if kind in _FORMS and request.chunks is None:
        try:
            sent = request.form().values.get(FIELD, "")
        except GatewayError:
            sent = ""
    if not (request.form_token and hmac.compare_digest(sent.encode(), request.form_token.encode())):
        raise OarError(
            Kind.FORBIDDEN,
            "Forbidden",
            "This form was not sent from a page of this API, or the page is too old: load the page"
            " with the form again",
        )


def hidden(request: Request) -> Markup:
    """The field of a form that holds the token of who asked for the page."""
    return tag("input", type="hidden", name=FIELD, value=request.form_token)


def without_token(values: FormValues) -> FormValues:
    """What a form says besides that it is ours."""
    return FormValues(pair for pair in values.pairs if pair[0] != FIELD)


def _by_browser(request: Request) -> bool:
    agent = request.headers.get("user-agent", "").lower()
    return agent.startswith(_BROWSERS) or any(name in request.headers for name in _OF_BROWSERS)
