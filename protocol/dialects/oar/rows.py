"""One row of the table: what is asked and told in the format that the request wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from protocol.accounts import Reads
from protocol.command import Command
from protocol.dialect import Route
from protocol.dialects.oar.formats import Answer, chosen, reply_of
from protocol.dialects.oar.pages.form_token import check_form
from protocol.http import Reply, Request

__all__ = ["row"]

R = TypeVar("R")


def row(
    method: str,
    path: str,
    parse: Callable[[Request], Command[R]],
    render: Callable[[R, Request], Answer],
    allow: str = "GET",
    *,
    reads: Reads = Reads.LOGGED_IN,
    slow: bool = False,
) -> Route[R]:
    """One row: its format is chosen before anything is asked for."""

    def checked(request: Request) -> Command[R]:
        chosen(request)
        check_form(request)
        return parse(request)

    def written(result: R, request: Request) -> Reply:
        return reply_of(render(result, request), request, allow)

    return Route(method, path, checked, written, reads=reads, slow=slow)
