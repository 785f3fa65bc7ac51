"""Whether tasks run in a sandbox: what the settings say, and what the machine allows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engines.isolation import missing_for_sandbox
from engines.shim.native import build as native
from gateway.config import Config, ConfigError, load
from gateway.config.isolation import check_shim, chosen_shim, is_sandboxed
from tests.support.native import native_program
from tests.support.unprivileged import needs_root

OPEN = {"NARTHEX_SERVER_HOST": "0.0.0.0"}  # noqa: S104 - nobody listens there
TRUSTED = {"NARTHEX_SERVER_ACKNOWLEDGE_TRUSTED_USERS": "true"}
POSSIBLE = not missing_for_sandbox()


def configured(isolation: str, *more: dict[str, str]) -> Config:
    """The shipped settings with these."""
    variables = {"NARTHEX_RUNNER_ISOLATION": isolation}
    for one in more:
        variables |= one
    return load(None, variables)


@pytest.mark.skipif(not POSSIBLE, reason="this machine allows no sandbox")
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (configured("auto"), False),
        (configured("auto", OPEN), True),
        (configured("auto", OPEN, TRUSTED), False),
        (configured("none"), False),
        (configured("none", OPEN, TRUSTED), False),
        (configured("sandbox"), True),
        (configured("sandbox", OPEN), True),
    ],
)
def test_whoever_is_reached_by_others_keeps_tasks_apart(config: Config, *, expected: bool) -> None:
    """Unless the settings say that users are trusted; on loopback only if it is wanted."""
    assert is_sandboxed(config) is expected


def test_trust_has_to_be_said_where_there_are_no_walls() -> None:
    """Without any isolation other machines are not served just so."""
    with pytest.raises(ConfigError, match="acknowledge_trusted_users"):
        configured("none", OPEN)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (configured("sandbox"), "cannot be kept here"),
        (configured("sandbox", OPEN, TRUSTED), "cannot be kept here"),
        (configured("auto", OPEN), "acknowledge_trusted_users"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    monkeypatch: pytest.MonkeyPatch, config: Config, expected: str
) -> None:
    """A machine without sandboxes serves nobody who was promised one."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ConfigError, match=expected):
        is_sandboxed(config)
    assert not is_sandboxed(configured("auto", OPEN, TRUSTED))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("{ spork = ['/opt'] }", "no engine"),
        ("{ all = ['/'] }", "no whole path"),
        ("{ shell = ['relative'] }", "no whole path"),
        ("{ shell = ['/a/../b'] }", "no whole path"),
    ],
)
def test_paths_are_whole_and_of_engines(value: str, complaint: str) -> None:
    """A misspelt name must not show nothing in silence, nor a short one everything."""
    with pytest.raises(ConfigError, match=complaint):
        load(None, {"NARTHEX_RUNNER_SANDBOX_READ_ONLY": value})


def test_the_shim_is_the_native_one_where_it_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default it is, but where it was not built; each time it says why."""
    config, asked = load(None, {}), load(None, {"NARTHEX_RUNNER_SHIM": "native"})
    path = native_program()
    assert chosen_shim(config) == ("native", f"it is at {path}")
    other = load(None, {"NARTHEX_RUNNER_SHIM": "python"})
    assert chosen_shim(other) == ("python", "runner.shim asks for it")
    monkeypatch.setattr(native.find, "__defaults__", (tmp_path,))
    chosen, why = chosen_shim(config)
    assert chosen == "python"
    assert "was not built" in why
    assert not chosen_shim(asked)[0]
    assert check_shim(config).startswith("python: the native one was not built")
    with pytest.raises(ConfigError, match=r"runner\.shim is native, but"):
        check_shim(asked)


def test_what_makes_no_sandboxes_is_refused_beside_one() -> None:
    """Nobody is promised walls that one way of starting a task does not have."""
    other = {"NARTHEX_PLACES_SLURM_ENABLED": "true"}
    assert configured("auto", other).places.slurm.enabled
    assert configured("auto", OPEN, TRUSTED, other).places.slurm.enabled
    with pytest.raises(ConfigError, match="not kept apart"):
        configured("sandbox", other)
    with pytest.raises(ConfigError, match="not kept apart"):
        configured("auto", OPEN, other)


def test_users_of_the_system_need_the_mode_that_makes_them() -> None:
    """Elsewhere all tasks are one user, and nobody is promised another."""
    for other in (
        {"NARTHEX_RUNNER_SYSTEM_USERS": "{ ann = 'asmith' }"},
        {"NARTHEX_RUNNER_SAME_USERS": "true"},
    ):
        with pytest.raises(ConfigError, match="all tasks are one user"):
            configured("sandbox", other)
        assert configured("users", other).runner.isolation == "users"


@needs_root
@pytest.mark.skipif(not POSSIBLE, reason="this machine allows no sandbox")
@pytest.mark.parametrize(
    ("name", "complaint"), [("no-such-user", "there is no user"), ("root", "no task may be")]
)
def test_a_user_who_cannot_be_is_refused_at_the_start(name: str, complaint: str) -> None:
    """Before anybody's task would fail over it, with whose it is."""
    config = configured("users", {"NARTHEX_RUNNER_SYSTEM_USERS": f"{{ ann = '{name}' }}"})
    with pytest.raises(ConfigError, match=f"'ann': {complaint}"):
        is_sandboxed(config)
