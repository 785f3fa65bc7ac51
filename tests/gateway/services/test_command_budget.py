"""How many commands a request may carry out."""

import pytest

from gateway.services.command_budget import CommandBudget
from protocol.command import MOST_COMMANDS, MOST_EACH, Each, Given
from protocol.errors import GatewayError, Kind


def test_the_last_command_is_carried_out_and_no_other() -> None:
    """The bound itself is allowed; after it everything is refused, and it is known why."""
    budget = CommandBudget()
    for _ in range(MOST_COMMANDS):
        budget.spend()
    assert not budget.is_spent
    for _ in range(2):
        with pytest.raises(GatewayError) as refused:
            budget.spend()
        assert refused.value.kind is Kind.TOO_LARGE
        assert str(MOST_COMMANDS) in refused.value.message
    assert budget.is_spent


def test_a_list_may_have_so_many_and_no_more() -> None:
    """A longer one is refused before any of it is looked at."""
    CommandBudget.check(Each((Given(1),) * MOST_EACH))
    with pytest.raises(GatewayError) as refused:
        CommandBudget.check(Each((Given(1),) * (MOST_EACH + 1)))
    assert refused.value.kind is Kind.TOO_LARGE
