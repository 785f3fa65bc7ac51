"""Scala in the driver's JVM, by the interpreter that is part of Scala itself.

It shares the session, so that views and jobs are the same as Python's. What code prints goes to the
JVM's own stdout; what the interpreter says goes through here. Made when the first line of Scala
comes, which takes two seconds.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Scala"]

_OUTPUT = "spark.repl.class.outputDir"
_FUNCTIONS = "import org.apache.spark.sql.functions._"


class Scala:
    """One interpreter.

    Args:
        spark: the SparkSession.
    """

    def __init__(self, spark: Any) -> None:
        jvm = spark._jvm
        self._system = jvm.java.lang.System
        self._writer = jvm.java.io.StringWriter()
        interpreter = jvm.scala.tools.nsc.interpreter
        settings = jvm.scala.tools.nsc.Settings()
        context = spark.sparkContext
        words = (
            *("-classpath", self._system.getProperty("java.class.path")),
            *("-Yrepl-class-based", "-Yrepl-outdir", context.getConf().get(_OUTPUT)),
        )
        as_list = jvm.scala.jdk.javaapi.CollectionConverters.asScala
        settings.processArguments(as_list(list(words)).toList(), True)  # noqa: FBT003 - Scala's
        reporter = interpreter.shell.ReplReporterImpl(
            settings, jvm.java.io.PrintWriter(self._writer)
        )
        self._main = interpreter.IMain(settings, reporter)
        self._main.initializeCompiler()
        empty = as_list(["@transient"]).toList()
        session = spark._jsparkSession
        self._main.bind("spark", "org.apache.spark.sql.SparkSession", session, empty)
        self._main.bind("sc", "org.apache.spark.SparkContext", session.sparkContext(), empty)
        for line in ("import spark.implicits._", "import spark.sql", _FUNCTIONS):
            self._main.interpret(line)
        self._take()

    def run(self, text: str) -> tuple[bool, str]:
        """Runs code; whether it succeeded, and what the interpreter said."""
        word = self._main.interpret(text).toString()
        getattr(self._system, "out").flush()  # noqa: B009 - as Java calls it
        said = self._take()
        if word == "Incomplete":
            return False, f"{said}error: the code is incomplete\n"
        # Code in which there is nothing to do is neither: an error is always said.
        return word == "Success" or not said, said

    def _take(self) -> str:
        said = str(self._writer.toString())
        self._writer.getBuffer().setLength(0)
        return said
