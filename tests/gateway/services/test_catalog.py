"""The table of all verbs: complete and without contradiction, and who may give which."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.app import composed
from gateway.caller import Access, Caller
from gateway.config import ConfigError
from gateway.plugins import load_services
from gateway.services.catalog import commands_of, join
from gateway.services.parts import Parts
from gateway.services.service import Service, Verb
from gateway.services.variables import VariableService
from protocol.command import Command, Each, Then
from protocol.commands.tasks import Execute
from protocol.commands.variables import ListVariables, SaveVariables
from tests.support.parts import Core

GOLDEN = Path(__file__).with_name("verbs.txt")


@dataclass(frozen=True, slots=True)
class Unheard(Command[None]):
    """What no service carries out."""


class Twice:
    """A service that claims a command of another."""

    @classmethod
    def of(cls, _parts: Parts) -> "Twice":
        """The service."""
        return cls()

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """The table."""
        return (Verb(SaveVariables, Access.USER, self.save),)

    async def save(self, _caller: Caller, _command: SaveVariables) -> None:
        """Keeps nothing."""


class Needy:
    """Needs itself to be built."""

    @classmethod
    def of(cls, parts: Parts) -> "Needy":
        """Never to be had."""
        return parts.get(cls)


def spelled(verb: Verb[Any, Any]) -> str:
    """A row as it stands in the golden file."""
    whose = "owner" if verb.owner is not Verb(Unheard, Access.OPEN, verb.do).owner else ""
    return f"{verb.command.__name__:16} {verb.access.value:6} {whose}".rstrip()


async def test_who_may_ask_for_what_is_as_agreed(core: Core) -> None:
    """Each verb with its access, and whether it may speak of another user.

    Whoever adds a verb or opens one further changes ``verbs.txt`` with it, where it is seen.
    """
    services = [core.parts.get(kind) for kind in load_services(core.parts.config)]
    rows = sorted(spelled(verb) for service in services for verb in service.verbs)
    assert rows == sorted(GOLDEN.read_text().splitlines())


async def test_every_command_of_the_product_is_carried_out(core: Core) -> None:
    """None is forgotten at the start: what has no row would be missed there."""
    services = [core.parts.get(kind) for kind in load_services(core.parts.config)]
    wanted = commands_of(())
    assert set(join(services, wanted)) == wanted
    assert Execute in wanted
    assert not {Command, Then, Each} & wanted
    for left in services:
        others = [service for service in services if service is not left]
        with pytest.raises(ConfigError, match="no service carries out"):
            join(others, wanted)


def test_a_package_is_asked_for_its_own_commands() -> None:
    """A gap is found in whichever package the command stands."""
    assert Unheard in commands_of([__name__.partition(".")[0]])
    with pytest.raises(ConfigError, match="no service carries out Unheard"):
        join([], [Unheard])


async def test_two_services_of_one_command_are_refused(core: Core) -> None:
    """The message names the command and both."""
    both: list[Service] = [core.parts.get(VariableService), Twice()]
    with pytest.raises(ConfigError, match=r"SaveVariables .*by both VariableService and Twice"):
        join(both, [ListVariables])


async def test_a_service_is_built_once_and_not_in_a_circle(core: Core) -> None:
    """Who needs a service gets the one there is; who needs itself is told so."""
    assert core.parts.get(VariableService) is core.parts.get(VariableService)
    with pytest.raises(ConfigError, match="Needy needs Needy"):
        core.parts.get(Needy)
    composed(core.parts, [])  # what failed before is in nobody's way
