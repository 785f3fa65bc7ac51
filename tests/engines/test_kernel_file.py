"""What is written to a file of the kernel arrives, and what it refuses is heard of."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import kernel_file


def test_an_order_arrives() -> None:
    """The name of this thread is such a file."""
    comm = Path("/proc/thread-self/comm")
    before = comm.read_text().strip()
    kernel_file.write(str(comm), "ordered")
    assert comm.read_text() == "ordered\n"
    kernel_file.write(str(comm), before)


def test_a_refused_order_is_an_error(tmp_path: Path) -> None:
    """What is not there is not made, and what is no order is refused."""
    with pytest.raises(FileNotFoundError):
        kernel_file.write(str(tmp_path / "none"), "1")
    assert not (tmp_path / "none").exists()
    with pytest.raises(OSError, match="Invalid argument"):
        kernel_file.write("/proc/self/oom_score_adj", "5000")
