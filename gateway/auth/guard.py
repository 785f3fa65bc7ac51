"""The one place that decides who may: a table from command type to the least role, and ownership.

Every command goes through ``admit`` before anything else happens, whether it came by HTTP or as a
message. A command that is not in the table is refused. What belongs to somebody else looks exactly
like what does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from protocol import commands, files, kills, results, sessions, variables
from protocol.accounts import Principal
from protocol.commands import Command
from protocol.errors import GatewayError, Kind

__all__ = ["RULES", "Access", "Caller", "admit", "sees"]


class Access(Enum):
    """Who may give a command: anybody at all, or users about what is theirs."""

    OPEN = "open"
    USER = "user"


RULES: Mapping[type[Command[object]], Access] = {
    commands.Hello: Access.OPEN,
    commands.Login: Access.OPEN,
    commands.Logout: Access.OPEN,
    commands.WhoAmI: Access.USER,
    commands.Renew: Access.USER,
    commands.Execute: Access.USER,
    commands.ReadTask: Access.USER,
    commands.ReadLog: Access.USER,
    commands.Kill: Access.USER,
    commands.ListTasks: Access.USER,
    commands.DeleteTask: Access.USER,
    commands.StoreData: Access.USER,
    commands.DescribeData: Access.USER,
    commands.OpenData: Access.USER,
    commands.DeleteData: Access.USER,
    results.ListResults: Access.USER,
    results.ReadResult: Access.USER,
    results.ExportResults: Access.USER,
    results.ReadWholeLog: Access.USER,
    files.ExecuteScript: Access.USER,
    variables.ExecuteFilled: Access.USER,
    variables.ListVariables: Access.USER,
    variables.SaveVariables: Access.USER,
    files.ListFolder: Access.USER,
    files.CheckFile: Access.USER,
    files.ReadFile: Access.USER,
    files.WriteFile: Access.USER,
    files.MakeFolder: Access.USER,
    files.RenameFile: Access.USER,
    files.RemoveFile: Access.USER,
    files.ReceiveFiles: Access.USER,
    files.OpenFile: Access.USER,
    commands.ReadLoginKey: Access.OPEN,
    commands.OpenSession: Access.USER,
    commands.Refuse: Access.USER,
    commands.ReadSubmission: Access.USER,
    commands.SearchTasks: Access.USER,
    commands.KillEach: Access.USER,
    commands.ReadLoad: Access.USER,
    commands.ListEngines: Access.USER,
    kills.KillAndReport: Access.USER,
    kills.ReadKill: Access.USER,
    sessions.ListSessions: Access.USER,
    sessions.EndSession: Access.USER,
}
"""Every command there is; a test holds it against the language."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who gives a command: the principal, None for a stranger, and the address it came from."""

    principal: Principal | None
    address: str = ""


def admit(caller: Caller, command: Command[object]) -> None:
    """Lets a command pass or not, by its type and by what it says of others.

    Raises:
        GatewayError: UNAUTHENTICATED or FORBIDDEN.
    """
    access = RULES.get(type(command))
    if access is Access.OPEN:
        return
    if caller.principal is None:
        raise GatewayError(Kind.UNAUTHENTICATED, "you are not logged in, please login first")
    if access is None:
        raise GatewayError(Kind.FORBIDDEN, f"nobody may ask for {type(command).__name__}")
    whose, what = _about(command)
    if whose and not sees(caller.principal, whose):
        raise GatewayError(Kind.FORBIDDEN, f"only an administrator may {what}")


def _about(command: Command[object]) -> tuple[str, str]:
    """Of whom a command speaks, empty for the caller, and what it wants with them."""
    match command:
        case commands.ListTasks(owner=owner) | commands.SearchTasks(owner=owner):
            return owner, "list others' tasks"
        case (
            commands.Execute(owner=owner)
            | files.ExecuteScript(execute=commands.Execute(owner=owner))
            | variables.ExecuteFilled(execute=commands.Execute(owner=owner))
        ):
            return owner, "submit for others"
        case commands.OpenSession(user=user):
            return user, "act for others"
        case commands.ReadLoad(user=user):
            return user, "ask about others"
        case _:
            return "", ""


def sees(principal: Principal, owner: str) -> bool:
    """Whether what belongs to ``owner`` is there for this principal."""
    return principal.admin or principal.name == owner
