"""The guard: who may give a command, by its access and by whom it speaks of."""

import pytest

from gateway.auth.guard import admit
from gateway.auth.throttle import Throttle
from gateway.caller import Access, Caller, sees
from protocol.accounts import Principal, Role, Scope, TokenFacts
from protocol.errors import GatewayError, Kind

ANN = Principal("ann", Role.USER)
ADMIN = Principal("admin", Role.ADMIN)


@pytest.mark.parametrize("access", [Access.READ, Access.LOOK, Access.USER, Access.ADMIN])
def test_strangers_are_asked_to_log_in(access: Access) -> None:
    """Whoever is nobody may do nothing but what is open."""
    admit(Caller(None), Access.OPEN)
    with pytest.raises(GatewayError) as error:
        admit(Caller(None), access)
    assert error.value.kind is Kind.UNAUTHENTICATED


@pytest.mark.parametrize("access", [Access.READ, Access.LOOK, Access.USER])
def test_what_speaks_of_others_is_for_administrators(access: Access) -> None:
    """A command about oneself passes, one about somebody else only from an administrator."""
    admit(Caller(ANN), access)
    admit(Caller(ANN), access, "ann")
    admit(Caller(ADMIN), access, "ann")
    with pytest.raises(GatewayError) as error:
        admit(Caller(ANN), access, "bob")
    assert error.value.kind is Kind.FORBIDDEN


def test_some_verbs_are_for_administrators() -> None:
    """Such a verb is refused to users even about themselves."""
    admit(Caller(ADMIN), Access.ADMIN, "ann")
    with pytest.raises(GatewayError) as error:
        admit(Caller(ANN), Access.ADMIN, "ann")
    assert error.value.kind is Kind.FORBIDDEN


def test_a_token_for_reading_changes_nothing() -> None:
    """Even of an administrator; one for tasks is like its user."""

    def caller(scope: Scope) -> Caller:
        return Caller(Principal("ann", Role.USER, token=TokenFacts("t", 0, 9, 9, scope=scope)))

    for access in (Access.OPEN, Access.READ, Access.LOOK):
        admit(caller(Scope.READ), access, "ann")
    admit(caller(Scope.TASKS), Access.USER, "ann")
    for access in (Access.USER, Access.ADMIN):
        with pytest.raises(GatewayError) as error:
            admit(caller(Scope.READ), access)
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
