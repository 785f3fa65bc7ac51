"""What goes wrong as a line for people, a record for programs, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from gateway.cli.plain import harmless
from gateway.client.errors import (
    ClientError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    NotFound,
    Unauthenticated,
    Unavailable,
)

__all__ = ["REFUSED", "UNREACHABLE", "WHO", "Trouble", "complain", "explained", "wants_json"]

REFUSED = 1
"""The gateway refused, or what was asked failed."""
UNREACHABLE = 69
"""No gateway answers at the address: EX_UNAVAILABLE of sysexits.h."""
WHO = 77
"""The gateway does not believe who asks, or does not let them: EX_NOPERM."""

_DOWN = ("connection refused", "no answer within")
"""What the client says if a gateway may belong at that address, and does not serve now."""
_KINDS: Mapping[type[ClientError], tuple[str, int]] = {
    ConnectionFailed: ("unreachable", UNREACHABLE),
    Unauthenticated: ("unauthenticated", WHO),
    Forbidden: ("forbidden", WHO),
    NotFound: ("not_found", REFUSED),
    Conflict: ("conflict", REFUSED),
    Unavailable: ("unavailable", REFUSED),
}


class Trouble(click.ClickException):
    """An error with a word for programs.

    Args:
        message: one sentence for a person.
        kind: the word.
        code: with what the command exits.
    """

    def __init__(self, message: str, kind: str = "failed", code: int = REFUSED) -> None:
        super().__init__(message)
        self.kind = kind
        self.exit_code = code  # type: ignore[misc] # an instance says it for click

    def format_message(self) -> str:
        """One line that no terminal obeys, whatever the message was made of."""
        return harmless(" ".join(self.message.split()).encode("utf-8", "replace")).decode()


def explained(error: ClientError) -> Trouble:
    """The error of a client as one line, with what to do about it if that can be said."""
    kind, code = next(
        (known for type_, known in _KINDS.items() if isinstance(error, type_)),
        ("refused", REFUSED),
    )
    hint = ""
    if isinstance(error, ConnectionFailed) and any(one in error.message for one in _DOWN):
        hint = "is the gateway running? Start one with 'narthex serve', or name one with --server"
    elif isinstance(error, Unauthenticated):
        hint = "see --token, 'narthex token' and 'narthex login'"
    return Trouble(f"{error.message}; {hint}" if hint else error.message, kind, code)


def complain(error: click.ClickException, *, as_json: bool) -> None:
    """Says on stderr what went wrong, as click does, or as a record if records were asked for."""
    try:
        if not as_json:
            error.show()
            return
        from gateway.cli.lines import encoded  # noqa: PLC0415
        from gateway.cli.records import error_record  # noqa: PLC0415 - only for programs

        kind = getattr(error, "kind", "usage" if isinstance(error, click.UsageError) else "failed")
        message = " ".join(error.format_message().split())
        sys.stderr.buffer.write(encoded(error_record(kind, message, error.exit_code)))
        sys.stderr.buffer.flush()
    except OSError:
        return


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for records, also one that makes no sense."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before
