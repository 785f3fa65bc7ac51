"""The Spark engine: SQL, PySpark and Scala on a warm driver, or a script in one process."""

from engines.spark.engine import SparkEngine

__all__ = ["SparkEngine"]
