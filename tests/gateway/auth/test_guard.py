"""The guard: every command has a rule, and others' things are not there."""

import pytest

from gateway.auth.guard import RULES, Access, Caller, admit, sees
from gateway.auth.throttle import Throttle
from protocol import commands, files, kills, results, sessions, variables
from protocol.accounts import Principal, Role
from protocol.commands import Command, ListTasks, Login, WhoAmI
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task

ANN = Principal("ann", Role.USER)
ADMIN = Principal("admin", Role.ADMIN)


def test_every_command_has_a_rule() -> None:
    """A verb that is added to the language is refused until it has a rule here."""
    nouns = (commands, files, kills, results, sessions, variables)
    said = [value for noun in nouns for value in vars(noun).values()]
    known = {kind for kind in said if isinstance(kind, type)}
    verbs = {kind for kind in known if issubclass(kind, Command)} - {Command}
    assert set(RULES) == verbs


def test_only_what_must_be_is_open() -> None:
    """Strangers may say hello and log in."""
    opened = {kind for kind, access in RULES.items() if access is Access.OPEN}
    assert opened == {
        commands.Hello,
        commands.Login,
        commands.Logout,
        commands.ReadLoginKey,
    }


def test_strangers_are_asked_to_log_in() -> None:
    """Whoever is nobody may do nothing but log in."""
    admit(Caller(None), Login("ann", "x"))
    with pytest.raises(GatewayError) as error:
        admit(Caller(None), WhoAmI())
    assert error.value.kind is Kind.UNAUTHENTICATED


def test_a_command_without_a_rule_is_refused() -> None:
    """What the table does not know nobody may do, administrators included."""

    class Unheard(Command[None]):
        """A verb that nobody thought about."""

    with pytest.raises(GatewayError) as error:
        admit(Caller(ADMIN), Unheard())
    assert error.value.kind is Kind.FORBIDDEN


def test_lists_of_others_are_for_administrators() -> None:
    """One's own tasks may be listed, others' only by an administrator."""
    admit(Caller(ANN), ListTasks())
    admit(Caller(ANN), ListTasks(owner="ann"))
    admit(Caller(ADMIN), ListTasks(owner="ann"))
    with pytest.raises(GatewayError) as error:
        admit(Caller(ANN), ListTasks(owner="bob"))
    assert error.value.kind is Kind.FORBIDDEN


def test_submissions_for_others_are_for_administrators() -> None:
    """In whichever way the code comes: with the request, from a script, or with variables in it."""
    execute = commands.Execute("shell", "shell", "true", "linkis", owner="bob")
    made: list[Command[Task]] = [
        execute,
        files.ExecuteScript(files.FilePath("", ("a.sh",)), execute, lambda _: execute),
        variables.ExecuteFilled(execute, lambda _: execute),
    ]
    for command in made:
        admit(Caller(ADMIN), command)
        with pytest.raises(GatewayError) as error:
            admit(Caller(ANN), command)
        assert error.value.kind is Kind.FORBIDDEN


def test_owners_and_administrators_see() -> None:
    """What is somebody's is there for them and for administrators, by exact name."""
    assert sees(ANN, "ann")
    assert sees(ADMIN, "ann")
    assert not sees(ANN, "Ann")
    assert not sees(ANN, "")


def test_guessing_ends_and_begins_again() -> None:
    """After so many failures a subject waits, until the oldest is out of the window."""
    throttle = Throttle(60.0)
    for now in (0.0, 1.0, 2.0):
        throttle.check({"user ann": 3}, now)
        throttle.failed({"user ann": 3}, now)
    with pytest.raises(GatewayError) as error:
        throttle.check({"user ann": 3, "address x": 3}, 3.0)
    assert error.value.kind is Kind.EXHAUSTED
    assert error.value.retry_after == 57.0
    throttle.check({"user bob": 3}, 3.0)
    throttle.check({"user ann": 3}, 60.5)


def test_the_memory_of_failures_is_bounded() -> None:
    """A guesser of names cannot fill the memory; the oldest names are forgotten."""
    throttle = Throttle(1e9)
    for number in range(10_050):
        throttle.failed({f"user {number}": 1}, 0.0)
    throttle.check({"user 0": 1}, 1.0)
    with pytest.raises(GatewayError):
        throttle.check({"user 10049": 1}, 1.0)
