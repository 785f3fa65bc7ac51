"""What a driver finds when it starts: its configuration, Java, and where its own log goes.

Everything is files of one folder and variables, so that a script that knows nothing of us gets the
same. It must never let Spark listen to anybody but this machine unless the settings say so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engines.inside import narthex
from engines.spark.java import Java, java_home

__all__ = ["LOG", "SETTINGS_VARIABLE", "Setup", "arrange", "driver", "setup_of"]

LOG = "spark.log"
"""The file of Spark's own log, in the folder of the driver."""

SETTINGS_VARIABLE = "NARTHEX_SPARK_CONF"
"""The variable with Spark's settings for a session on a remote server, as JSON."""

_ROOT = str(Path(__file__).resolve().parent.parent.parent)
_BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from engines.spark.interpreter import main; sys.exit(main(sys.argv[1:]))"
)
_LOOPBACK = "127.0.0.1"
_BIND = "spark.driver.bindAddress"
_DEFAULTS = {
    "spark.app.name": "narthex",
    "spark.driver.host": _LOOPBACK,
    _BIND: _LOOPBACK,
    "spark.ui.enabled": "false",
    "spark.ui.killEnabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.pyspark.fallback.enabled": "true",
}
_LOGGING = """\
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log}
appender.file.filePattern = {log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{yy/MM/dd HH:mm:ss.SSS}} %p %c{{1}}: %m%n%ex
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 16MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
"""


class Setup(NamedTuple):
    """A driver as the settings want it: ``python`` is the interpreter with pyspark.

    With ``remote``, the URL of a Spark Connect server, there is no driver here and no Java.
    """

    python: str
    master: str
    driver_memory: str
    conf: Mapping[str, str]
    java: Java
    remote: str = ""


def setup_of(settings: Mapping[str, object]) -> Setup:
    """The setup in what JSON has carried."""
    python, master, memory, conf, java, remote = (settings[name] for name in Setup._fields)
    assert isinstance(conf, Mapping)  # noqa: S101 - we wrote it
    assert isinstance(java, list | tuple)  # noqa: S101 - we wrote it
    home, trimmed = java
    which = Java(str(home), bool(trimmed))
    return Setup(str(python), str(master), str(memory), conf, which, str(remote))


def driver(python: str, *words: str) -> tuple[str, ...]:
    """The command line of a driver: ``words`` say where its code comes from."""
    return (python, "-u", "-P", "-c", _BOOT, _ROOT, *words)


def arrange(setup: Setup, folder: Path, path: str = "") -> dict[str, str]:
    """Writes the files of a driver into a folder; the variables that it is to see.

    ``path`` is the PYTHONPATH that it would have else.
    """
    inside = str(Path(narthex.__file__).parent)
    variables = {
        "PYSPARK_DRIVER_PYTHON": setup.python,
        "PYSPARK_PYTHON": setup.python,
        "PYTHONPATH": os.pathsep.join(filter(None, (inside, path))),
    }
    if setup.remote:
        return {
            **variables,
            "SPARK_REMOTE": setup.remote,
            SETTINGS_VARIABLE: json.dumps(dict(setup.conf)),
        }
    for name in ("conf", "local", "repl"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    own = {
        "spark.master": setup.master,
        "spark.driver.memory": setup.driver_memory,
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.repl.class.outputDir": str(folder / "repl"),
    }
    if setup.master.startswith("local"):
        # Its ports are for nobody else on the machine. Elsewhere both ends must be told a secret.
        own["spark.authenticate"] = "true"
    wanted = {**_DEFAULTS, **own, **setup.conf}
    lines = [f"{name} {value}\n" for name, value in wanted.items() if value]
    (folder / "conf" / "spark-defaults.conf").write_text("".join(lines), "utf-8")
    logging = _LOGGING.format(log=folder / LOG)
    (folder / "conf" / "log4j2.properties").write_text(logging, "utf-8")
    variables |= {
        "JAVA_HOME": java_home(setup.java, folder),
        "NARTHEX_SPARK_LOG": str(folder / LOG),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
    }
    if wanted[_BIND] == _LOOPBACK:
        variables["SPARK_LOCAL_IP"] = _LOOPBACK
    return variables
