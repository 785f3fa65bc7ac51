"""The example of a package that brings a noun, verbs, a store and a dialect of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.config import ConfigError, load
from gateway.plugins import named_services
from tests.support.gateway import Gateway, serving_gateway
from tests.support.packages import install

EXAMPLE = Path(__file__).with_name("notes")
ROOT = Path(__file__).resolve().parents[2]
ENTRANCE = "/api/rest_j/v1/entrance"
ENABLED = "[services.notes]\nmost = 3\n[dialects.notes]\nmount = '/notes'\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed."""
    folder = tmp_path_factory.mktemp("site")
    install(EXAMPLE, folder)
    return folder


@pytest.fixture(scope="module")
def notes(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the package, enabled by two tables of configuration."""
    config = site / "config.toml"
    config.write_text(ENABLED)
    data = tmp_path_factory.mktemp("notes") / "data"
    with serving_gateway(data, "--config", str(config), PYTHONPATH=str(site)) as found:
        yield found


def submitted(client: httpx.Client) -> int:
    """The number of a task of the client's."""
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "true"}
    return int(client.post(f"{ENTRANCE}/execute", json=body).json()["data"]["taskID"])


def test_its_verbs_are_carried_out(notes: Gateway) -> None:
    """A note is kept and listed, within the bound that the configuration names."""
    with notes.client("ann") as ann:
        path = f"/notes/tasks/{submitted(ann)}/notes"
        assert ann.get(path).json() == []
        for text in ("one", "two", "three"):
            assert ann.post(path, json={"text": text}).status_code == 200
        assert [note["text"] for note in ann.get(path).json()] == ["one", "two", "three"]
        refused = ann.post(path, json={"text": "four"})
        assert (refused.status_code, refused.json()) == (
            400,
            {"error": "a task has at most 3 notes"},
        )
    assert list((notes.data / "services" / "notes").iterdir())


def test_its_verbs_are_guarded_like_ours(notes: Gateway) -> None:
    """A stranger is asked to log in, and another's task is not there."""
    with notes.client("ann") as ann, notes.client("bob") as bob, notes.client("") as stranger:
        path = f"/notes/tasks/{submitted(ann)}/notes"
        assert stranger.get(path).status_code == 401
        foreign, unknown = bob.get(path), bob.get("/notes/tasks/99999/notes")
        assert foreign.status_code == unknown.status_code == 404
        assert bob.post(path, json={"text": "x"}).status_code == 404
        assert ann.get(path).json() == []


def test_a_gap_is_refused_at_the_start(site: Path, tmp_path: Path) -> None:
    """A dialect whose service is not enabled is named before anything is served."""
    config = tmp_path / "config.toml"
    config.write_text("[dialects.notes]\nmount = '/notes'\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gateway.cli", "serve", "--port", "0"),
            *("--config", str(config), "--data-dir", str(tmp_path / "data")),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert done.returncode == 2
    assert "no service carries out AddNote, ListNotes" in done.stderr


def test_a_service_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """The message names it and those there are; an installed one is not loaded unasked."""
    assert "notes" not in named_services(load(None, {}))
    config = tmp_path / "config.toml"
    config.write_text("[services.note]\nmost = 3\n")
    with pytest.raises(ConfigError, match=r"services\.note: no service .*known: .*tasks"):
        named_services(load(config, {}))


def test_the_example_is_small_and_nobody_names_it() -> None:
    """The whole package has fewer than two hundred lines, and no file of the product knows it."""
    files = [path for path in EXAMPLE.rglob("*") if path.suffix in {".py", ".toml"}]
    assert sum(len(path.read_text().splitlines()) for path in files) < 200
    product = [ROOT / "config.toml", *(ROOT / "gateway").rglob("*.py")]
    product += [*(ROOT / "protocol").rglob("*.py"), *(ROOT / "engines").rglob("*.py")]
    assert not [path for path in product if "narthex_notes" in path.read_text()]
