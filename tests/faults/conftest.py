"""The storms over whole gateways are done with both shims: with the Python one in long runs."""

from __future__ import annotations

import pytest

from tests.support.native import native_program

WITH_BOTH = {
    "test_control_table",
    "test_crowds",
    "test_disk_full",
    "test_group_crash",
    "test_injected_errors",
    "test_leaks",
    "test_long_line",
    "test_readers",
    "test_recovery_size",
    "test_storm",
    "test_submit_crash",
    "test_torture",
}
"""The modules whose gateways have either shim; others ask for one themselves, or need none."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has what is done to whole gateways done with each shim."""
    if metafunc.module.__name__.rpartition(".")[2] in WITH_BOTH:
        python = pytest.param("python", marks=pytest.mark.storm)
        metafunc.parametrize("_gateways_shim", ["native", python], indirect=True)


@pytest.fixture(autouse=True)
def _gateways_shim(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which shim the tasks of this test's gateways have, where that is not left to the default."""
    shim: str = getattr(request, "param", "")
    if shim == "native":
        native_program()
    if shim:
        monkeypatch.setenv("NARTHEX_RUNNER_SHIM", shim)
