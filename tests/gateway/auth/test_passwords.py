"""Passwords with each request: remembered for a minute, and not a moment after they changed."""

from dataclasses import dataclass

from gateway.auth.passwords import KnownPasswords
from protocol.accounts import Password, Role

ANN = Password("ann", "secret")


@dataclass(frozen=True)
class User:
    """What is known of a user."""

    role: Role = Role.USER
    changed_ms: int = 5
    created_ms: int = 0


class Rig:
    """One user, and clocks that stand still."""

    def __init__(self) -> None:
        self.users = {"ann": User()}
        self.now = 100.0
        self.known = KnownPasswords(self, lambda: int(self.now * 1000), lambda: self.now)

    def find(self, name: str) -> User | None:
        """The user of that name."""
        return self.users.get(name)


def test_a_right_password_is_remembered_for_a_minute() -> None:
    """Then it is looked at again; what is remembered proves only what it proved."""
    rig = Rig()
    assert rig.known.find(ANN) is None
    rig.known.remember(ANN, "ann")
    found = rig.known.find(ANN)
    assert found is not None
    assert (found.name, found.role, found.token_id) == ("ann", Role.USER, "")
    assert found.expires_ms == 160_000
    for wrong in (Password("ann", "Secret"), Password("ann", ""), Password("Ann", "secret")):
        assert rig.known.find(wrong) is None
    rig.now += 59.9
    assert rig.known.find(ANN) is not None
    rig.now += 0.2
    assert rig.known.find(ANN) is None


def test_a_changed_account_forgets_it_at_once() -> None:
    """A new password, a removed user and a new role count from the next request on."""
    rig = Rig()
    rig.known.remember(ANN, "ann")
    rig.users["ann"] = User(Role.ADMIN)
    found = rig.known.find(ANN)
    assert found is not None
    assert found.admin
    rig.users["ann"] = User(changed_ms=6)
    assert rig.known.find(ANN) is None
    rig.users["ann"] = User()
    assert rig.known.find(ANN) is None  # it was forgotten, not only passed over
    rig.known.remember(ANN, "ann")
    rig.users.clear()
    assert rig.known.find(ANN) is None
    rig.known.remember(ANN, "ann")
    assert rig.known.find(ANN) is None


def test_the_memory_is_bounded_and_holds_no_password() -> None:
    """The oldest is forgotten first, and a dump of it tells nobody's secret."""
    rig = Rig()
    rig.known.remember(ANN, "ann")
    for number in range(10_001):
        rig.known.remember(Password(f"user{number}", "secret"), "ann")
    assert rig.known.find(ANN) is None
    assert rig.known.find(Password("user10000", "secret")) is not None
    assert "secret" not in repr(rig.known._known)
    assert "secret" not in repr(ANN)
