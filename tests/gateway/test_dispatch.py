"""The one way in: whoever joins commands, each of them is admitted, bounded and counted."""

from dataclasses import dataclass

from gateway.caller import Access, Caller
from gateway.dispatch import Dispatch
from gateway.metrics import Metrics
from gateway.services.catalog import join
from gateway.services.heavy_work import HeavyWork
from gateway.services.service import Verb, for_user
from protocol.accounts import Principal, Role
from protocol.command import MOST_COMMANDS, MOST_EACH, Command, Each, Then
from protocol.errors import GatewayError, Kind
from tests.support.refusals import refused_as

ANN, ADMIN = Principal("ann", Role.USER), Principal("root", Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Double(Command[int]):
    """Twice a number of a user's; negative ones are refused."""

    number: int
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Unheard(Command[int]):
    """What no service carries out."""


class Numbers:
    """A service of one verb, which counts how often it was carried out."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def verbs(self) -> tuple[Verb[Double, int], ...]:
        """The one."""
        return (Verb(Double, Access.USER, for_user(self.double), owner=lambda asked: asked.owner),)

    async def double(self, _principal: Principal, command: Double) -> int:
        """Twice the number."""
        self.count += 1
        if command.number < 0:
            raise GatewayError(Kind.INVALID, "the number is negative")
        return command.number * 2


def dispatch_of(service: Numbers, metrics: Metrics | None = None) -> Dispatch:
    """Dispatch with one service."""
    return Dispatch(join([service], [Double]), metrics or Metrics(), HeavyWork(16))


async def test_a_command_is_admitted_before_it_is_carried_out() -> None:
    """A stranger, a user who speaks of another, and a command of nobody's are turned away."""
    service = Numbers()
    dispatch = dispatch_of(service)
    assert await dispatch(Caller(ANN), Double(2)) == 4
    assert await dispatch(Caller(ADMIN), Double(2, "ann")) == 4
    assert await refused_as(dispatch(Caller(None), Double(2))) is Kind.UNAUTHENTICATED
    assert await refused_as(dispatch(Caller(ANN), Double(2, "bob"))) is Kind.FORBIDDEN
    assert await refused_as(dispatch(Caller(ADMIN), Unheard())) is Kind.FORBIDDEN
    assert service.count == 2


async def test_then_goes_on_with_the_result_of_each_step() -> None:
    """What follows is made of what came before, as often as that is a Then again."""
    dispatch = dispatch_of(Numbers())
    once = Then(Double(1), lambda two: Then(Double(two), Double))
    assert await dispatch(Caller(ANN), once) == 8
    assert await dispatch(Caller(ANN), Then(once, Double)) == 16


async def test_every_step_of_then_is_guarded() -> None:
    """Nothing that a caller may not ask for becomes theirs by being asked for second."""
    service = Numbers()
    dispatch = dispatch_of(service)
    second = Then(Double(1), lambda two: Double(two, "bob"))
    assert await refused_as(dispatch(Caller(ANN), second)) is Kind.FORBIDDEN
    assert service.count == 1
    first = Then(Double(1, "bob"), Double)
    assert await refused_as(dispatch(Caller(ANN), first)) is Kind.FORBIDDEN
    assert await refused_as(dispatch(Caller(None), first)) is Kind.UNAUTHENTICATED
    assert service.count == 1


async def test_each_is_answered_by_itself() -> None:
    """A refusal stands in the place of its command and stops none of the others."""
    dispatch = dispatch_of(Numbers())
    commands = (Double(1), Double(-1), Double(2, "bob"), Double(3))
    one, two, three, four = await dispatch(Caller(ANN), Each(commands))
    assert (one, four) == (2, 6)
    assert isinstance(two, GatewayError)
    assert isinstance(three, GatewayError)
    assert (two.kind, three.kind) == (Kind.INVALID, Kind.FORBIDDEN)


async def test_a_stranger_is_refused_as_a_whole() -> None:
    """Who is not logged in is told so once, not for each thing asked."""
    each = Each((Double(1), Double(2)))
    assert await refused_as(dispatch_of(Numbers())(Caller(None), each)) is Kind.UNAUTHENTICATED


async def test_what_one_request_may_join_is_bounded() -> None:
    """Neither a long list, nor lists in lists, nor an endless chain is carried out."""
    service = Numbers()
    dispatch = dispatch_of(service)
    most = Each((Double(1),) * MOST_EACH)
    assert len(await dispatch(Caller(ANN), most)) == MOST_EACH
    longer = Each((Double(1),) * (MOST_EACH + 1))
    assert await refused_as(dispatch(Caller(ANN), longer)) is Kind.TOO_LARGE
    service.count = 0
    assert await refused_as(dispatch(Caller(ANN), Each((most, most, most)))) is Kind.TOO_LARGE

    def again(_number: int) -> Command[int]:
        return Then(Double(1), again)

    assert await refused_as(dispatch(Caller(ANN), Then(Double(1), again))) is Kind.TOO_LARGE
    assert service.count <= 2 * MOST_COMMANDS


async def test_every_command_is_counted_with_its_outcome() -> None:
    """Joined commands count as what they are, not as one."""
    metrics = Metrics()
    dispatch = dispatch_of(Numbers(), metrics)
    await dispatch(Caller(ANN), Each((Double(1), Double(-1), Then(Double(1), Double))))
    text = metrics.exposition().decode()
    assert 'narthex_commands_total{command="Double",outcome="done"} 3.0' in text
    assert 'narthex_commands_total{command="Double",outcome="invalid"} 1.0' in text
    assert 'command="Then"' not in text
