"""Requests and replies as plain values: what a transport hands in and gets back."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field

from protocol.forms import FormValues, SmallForm, read_form

__all__ = ["Reply", "Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, decoded and refused once by the transport, without any socket behind it.

    ``path`` is decoded and normalised, below the dialect's mount, and begins with a slash.
    ``params`` are the path segments that the route's template named. ``query`` is a mapping to the
    first value of each name; ``query_values`` has all of them. ``headers`` have lower-case names.
    ``body`` is empty for a route that streams, whose bytes come from ``chunks``. ``now_ms`` is the
    time of arrival (ms, epoch).
    ``websocket`` is true if the request came as a message. ``user`` is who asks, empty for
    a stranger: a dialect may put it into words, what that user may do is decided elsewhere.
    ``base`` is the public address below which the dialect's paths stand, without a slash at its
    end; ``target`` is path and query as they came, still encoded. ``suffix`` is what the dialect
    took off the path to find the route (see ``LocatingDialect``), such as ``yaml``. ``form_token``
    is what a page's forms hold, so that they are known for ours when they come back: no page of
    another site can read it. Empty for a stranger.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: AsyncIterable[bytes] | None = None
    now_ms: int = 0
    websocket: bool = False
    user: str = ""
    base: str = ""
    target: str = ""
    suffix: str = ""
    form_token: str = ""

    @property
    def query_values(self) -> FormValues:
        """The query with all values of each name, in order."""
        query = self.query
        return query if isinstance(query, FormValues) else FormValues(query.items())

    def form(self) -> SmallForm:
        """The body as a form, of either kind.

        Raises:
            GatewayError: UNSUPPORTED for another media type, INVALID for a broken form.
        """
        return read_form(self.body, self.headers.get("content-type", ""))


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: ``body`` is bytes, or a stream of ``length`` bytes in all.

    ``cookies`` maps names to values that the transport sets with safe attributes; an empty value
    removes the cookie.
    """

    status: int
    body: bytes | AsyncIterable[bytes] = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    length: int = -1
