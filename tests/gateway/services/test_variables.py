"""Variables of users as the service keeps them: apart, whole, within bounds."""

from pathlib import Path

import pytest

from gateway.data_paths import DataPaths
from gateway.services.variables import VariableService
from gateway.stores.directory import Directory
from gateway.stores.variables import Variables
from protocol.accounts import Principal, Role
from protocol.commands.variables import ListVariables, SaveVariables
from protocol.errors import GatewayError, Kind

ANN, EVE = Principal("ann", Role.USER), Principal("../ann", Role.USER)


def service_in(folder: Path) -> VariableService:
    """The service over a folder, with the accounts beside it."""
    return VariableService(Variables(folder), Directory.of(DataPaths.of(folder.parent)))


async def test_what_is_saved_is_there_in_its_order(tmp_path: Path) -> None:
    """A save replaces everything, for one user only, and also for the next process."""
    service = service_in(tmp_path / "variables")
    assert await service.list(ANN, ListVariables()) == {}
    await service.save(ANN, SaveVariables({"z": "1", "a": "\u00e9\n"}))
    await service.save(EVE, SaveVariables({"e": "1"}))
    again = service_in(tmp_path / "variables")
    assert list((await again.list(ANN, ListVariables())).items()) == [("z", "1"), ("a", "\u00e9\n")]
    await again.save(ANN, SaveVariables({}))
    assert await service.list(ANN, ListVariables()) == {}
    assert await service.list(EVE, ListVariables()) == {"e": "1"}
    (first, second) = (tmp_path / "variables").iterdir()
    assert {path.stat().st_mode & 0o777 for path in (first, second)} == {0o600}


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({f"k{number}": "" for number in range(501)}, Kind.TOO_LARGE),
        ({"k": "x" * 4097}, Kind.TOO_LARGE),
        ({"": "x"}, Kind.INVALID),
        ({"k" * 129: "x"}, Kind.INVALID),
        ({"k": "\ud800"}, Kind.INVALID),
        ({"k": "a\0"}, Kind.INVALID),
    ],
)
async def test_bounds(tmp_path: Path, variables: dict[str, str], kind: Kind) -> None:
    """What is too much or no text is refused, and what was there stays."""
    service = service_in(tmp_path)
    await service.save(ANN, SaveVariables({"k": "kept"}))
    with pytest.raises(GatewayError) as caught:
        await service.save(ANN, SaveVariables(variables))
    assert caught.value.kind is kind
    assert await service.list(ANN, ListVariables()) == {"k": "kept"}


async def test_a_disk_in_trouble(tmp_path: Path) -> None:
    """Trouble is told as such: never as if there were no variables."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    service = service_in(blocked)
    with pytest.raises(GatewayError) as caught:
        await service.list(ANN, ListVariables())
    assert caught.value.kind is Kind.UNAVAILABLE
    good = service_in(tmp_path)
    await good.save(ANN, SaveVariables({"k": "1"}))
    (path,) = tmp_path.glob("*.json")
    path.write_text("[1]")
    with pytest.raises(GatewayError) as caught:
        await good.list(ANN, ListVariables())
    assert caught.value.kind is Kind.INTERNAL
