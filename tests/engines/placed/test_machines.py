"""Slurm's short ways to write down machines and what a job has of each."""

from __future__ import annotations

import pytest

from engines.placed.machines import machines, per_machine


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("n1", ("n1",)),
        ("n[1-3]", ("n1", "n2", "n3")),
        ("n[08-10,2],login", ("n08", "n09", "n10", "n2", "login")),
        ("r[1-2]n[1,3]x", ("r1n1x", "r1n3x", "r2n1x", "r2n3x")),
        ("gpu-node.example.org", ("gpu-node.example.org",)),
        ("n[1-", ("n[1-",)),
        ("n[a]", ("n[a]",)),
    ],
)
def test_names_are_written_out(text: str, names: tuple[str, ...]) -> None:
    """In the order of writing; what makes no sense stays as it is."""
    assert machines(text) == names


def test_what_would_be_endless_is_cut() -> None:
    """No text makes more than ten thousand names."""
    assert len(machines("a[1-999999]b[1-999999]")) == 10_000


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2", (2, 1, 1)),
        ("4(x2),1", (4, 4, 1)),
        ("5(x9)", (5, 5, 5)),
        ("", (1, 1, 1)),
        ("?", (1,) * 3),
    ],
)
def test_each_machine_has_its_number(text: str, numbers: tuple[int, ...]) -> None:
    """One for each of three machines, whatever was written."""
    assert per_machine(text, 3) == numbers
