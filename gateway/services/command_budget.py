"""How much one request may have carried out, however its commands are joined."""

from __future__ import annotations

from protocol.command import MOST_COMMANDS, MOST_EACH, Each
from protocol.errors import GatewayError, Kind

__all__ = ["CommandBudget"]


class CommandBudget:
    """The commands that a request may still carry out; made anew for each request."""

    def __init__(self) -> None:
        self._left = MOST_COMMANDS

    @property
    def is_spent(self) -> bool:
        """Whether a command was refused because there were too many: so is every later one."""
        return self._left < 0

    def spend(self) -> None:
        """Takes one command off.

        Raises:
            GatewayError: TOO_LARGE if none is left.
        """
        self._left -= 1
        if self.is_spent:
            raise GatewayError(
                Kind.TOO_LARGE, f"a request carries out at most {MOST_COMMANDS} commands"
            )

    @staticmethod
    def check(each: Each[object]) -> None:
        """Raises TOO_LARGE for a list that is too long to be looked at."""
        if len(each.commands) > MOST_EACH:
            raise GatewayError(Kind.TOO_LARGE, f"at most {MOST_EACH} things are asked for at once")
