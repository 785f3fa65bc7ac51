"""Which engine a submission is for."""

import pytest

from engines.contract import Capabilities
from engines.spark import SparkEngine
from gateway.services.submission import placed
from protocol.commands.tasks import Execute

SHELL = Capabilities(frozenset({"shell"}))
SPARK = Capabilities(frozenset({"sql"}), stands_for=frozenset({"hive"}))
HIVE = Capabilities(frozenset({"sql"}))


@pytest.mark.parametrize(
    ("asked", "engines", "engine"),
    [
        ("hive", {"shell": SHELL, "spark": SPARK}, "spark"),
        ("hive", {"spark": SPARK, "hive": HIVE}, "hive"),
        ("hive", {"shell": SHELL}, "hive"),
        ("shell", {"shell": SHELL, "spark": SPARK}, "shell"),
    ],
)
def test_section_9_point_10_hive_is_spark(
    asked: str, engines: dict[str, Capabilities], engine: str
) -> None:
    """Linkis section 9, point 10: Spark takes what is asked of Hive unless there is a Hive."""
    assert placed(Execute(asked, "sql", "select 1", "linkis"), engines).engine == engine


def test_section_9_point_10_the_engine_says_so() -> None:
    """Linkis section 9, point 10: it is Spark itself that says for whom it stands."""
    assert SparkEngine({}).capabilities.stands_for == {"hive"}
