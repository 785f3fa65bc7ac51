"""The names of tasks and of their answers: each follows from the other."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.answers import answer_id, answered_task
from protocol.tasks import TaskId


@given(st.integers(0, 2**128 - 1))
def test_an_answer_leads_back_to_its_task(number: int) -> None:
    """Every id of version 7 has one answer, of version 8, that no other task has."""
    text = str(UUID(int=number))
    task = TaskId(f"{text[:14]}7{text[15:]}")
    assert answered_task(answer_id(task)) == task
    assert UUID(answer_id(task)).int - UUID(task).int == 1 << 76


@pytest.mark.parametrize(
    "name",
    ["", "x", "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4", "0190C2A4-7B1E-8D53-9C11-2F6F1F0F9A3E"],
)
def test_what_is_no_answer_has_no_task(name: str) -> None:
    """Other versions, other forms and other text are no answers."""
    assert answered_task(name) is None
