"""The whole suite runs in two processes (pytest-xdist), as most of it waits for other processes.

A file stays in one of them, so that what it starts once is started once, and all that starts Spark
is one after another: two drivers at a time want more than a small machine has. What is named on the
command line runs in the process that was called, where a debugger can be; ``-n`` says otherwise.
"""

from __future__ import annotations

import os

import pytest

__all__ = ["pytest_xdist_auto_num_workers", "pytest_xdist_make_scheduler"]

_WORKERS = 2
_GIVEN = "PYTEST_XDIST_AUTO_NUM_WORKERS"
_SPARK = "spark"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """How many processes: two for the whole suite, none beside this one for what is named."""
    if os.environ.get(_GIVEN):
        return None
    return _WORKERS if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Gives files to the processes, those with Spark as if they were one."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - not needed in one process

    scheduler = LoadFileScheduling(config, log)
    file_of = scheduler._split_scope

    def together(nodeid: str) -> str:
        file = str(file_of(nodeid))
        return _SPARK if _SPARK in file else file

    scheduler._split_scope = together
    return scheduler
