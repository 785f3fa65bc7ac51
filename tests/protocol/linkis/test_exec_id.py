"""The execID: the seed's layout, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.dialects.linkis import LinkisDialect
from protocol.dialects.linkis.exec_id import ExecId, ExecIds, nameable
from protocol.errors import GatewayError, Kind
from protocol.tasks import ByNumber, TaskState
from tests.protocol.linkis.scenes import INSTANCE, SEED_ID, dialect, task

NAMES = st.text(min_size=1, max_size=99).filter(nameable)
USERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
IDS = st.builds(ExecId, NAMES, NAMES, NAMES, USERS, st.integers(1, 10**18 - 1))


def test_the_seeds_example() -> None:
    """The seed's own id is taken apart and put together as the seed explains it."""
    parsed = ExecId.parse(SEED_ID)
    assert parsed == ExecId("IDE", "hive", INSTANCE, "johnnwang", 21)
    assert str(parsed) == SEED_ID


@given(IDS)
def test_round_trip(exec_id: ExecId) -> None:
    """Whatever names and users hold, the id says exactly them."""
    assert ExecId.parse(str(exec_id)) == exec_id


@given(st.text(), IDS, st.integers(0, 60))
def test_what_is_parsed_is_written_the_same(text: str, exec_id: ExecId, cut: int) -> None:
    """No two texts mean the same id."""
    for candidate in (text, str(exec_id)[cut:], str(exec_id)[:cut] + text):
        try:
            outcome = str(ExecId.parse(candidate))
        except GatewayError as error:
            outcome = error.kind
        assert outcome in {candidate, Kind.NOT_FOUND}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "0304",
        "030418IDEhive",
        "000418hivebdpdwc010004:10087_johnnwang_21",
        "030418IDEhivebdpdwc010004:10087IDE_johnnwang_021",
        "030418IDEhivebdpdwc010004:10087IDE_johnnwang_0",
        "030418IDEhivebdpdwc010004:10087IDE_johnnwang_",
        "030418IDEhivebdpdwc010004:10087IDE_johnnwang_+1",
        "030418IDEhivebdpdwc010004:10087IDE_johnnwang_\u0663",
        "030418IDEhivebdpdwc010004:10087IDE__21",
        "030418IDEhivebdpdwc010004:10087IDE_21",
        "030418IDEhivebdpdwc010004:10087XXX_johnnwang_21",
        "030418IDEhivebdpdwc010004:10087IDE_johnnwang_1234567890123456789",
        "\u066030418IDEhivebdpdwc010004:10087IDE_johnnwang_21",
        "030418I Ehivebdpdwc010004:10087I E_johnnwang_21",
    ],
)
def test_no_exec_id(text: str) -> None:
    """What only looks like an id is as unknown as any other."""
    with pytest.raises(GatewayError, match="unknown execID or taskID") as caught:
        ExecIds(INSTANCE).ref(text)
    assert caught.value.kind is Kind.NOT_FOUND


def test_an_id_of_digits_is_a_task_id() -> None:
    """All digits name the task by its number, for whoever may see it."""
    ids = ExecIds(INSTANCE)
    assert ids.ref("21") == ByNumber(21)
    assert ids.check(task(), "21") == SEED_ID


def test_an_exec_id_admits_its_own_task_only() -> None:
    """Owner and client words must agree with what the id says."""
    ref = ExecIds("other:1").ref(SEED_ID)
    assert ref.admits(task())
    assert not ref.admits(task(number=22))
    assert not ref.admits(task(owner="somebody"))
    assert not ref.admits(task(client={"executeApplicationName": "spark"}))
    assert ref.admits(task(client={}))


def test_check_compares_the_whole_id() -> None:
    """A well-formed id whose parts are not the task's is unknown."""
    with pytest.raises(GatewayError, match="unknown execID"):
        ExecIds(INSTANCE).check(task(), SEED_ID.replace("IDEhive", "IDEHive"))


def test_tasks_of_other_dialects_have_ids_too() -> None:
    """A task that never spoke Linkis is named by its engine, whatever words it holds."""
    other = task(dialect="other", client={"executeApplicationName": 7}, engine="shell")
    exec_id = ExecIds(INSTANCE).of(other)
    assert exec_id == "030518IDEshellbdpdwc010004:10087IDE_johnnwang_21"
    assert ExecIds(INSTANCE).check(other, exec_id) == exec_id


def test_the_instance_of_a_task_stays() -> None:
    """Ids that were handed out are good after the gateway has moved."""
    assert ExecIds("new:1").of(task(TaskState.SUCCEEDED)) == SEED_ID


@pytest.mark.parametrize("instance", ["a b", "x" * 100, 9001, None, "a/b"])
def test_an_instance_that_no_id_can_hold(instance: object) -> None:
    """The setting is refused at the start."""
    with pytest.raises(GatewayError, match="instance must be"):
        LinkisDialect({"instance": instance})


def test_a_setting_that_is_none() -> None:
    """A misspelt setting is refused by name; the mount is somebody else's."""
    with pytest.raises(GatewayError, match="instanze is not a setting") as caught:
        LinkisDialect({"instanze": "h:1", "mount": "/x"})
    assert caught.value.field == "instanze"


def test_the_default_instance() -> None:
    """Without a setting the ids name the default address."""
    assert LinkisDialect({}).conversation({}) is not dialect().conversation({})
    assert LinkisDialect({}).name == "linkis"
