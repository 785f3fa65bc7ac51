"""Tests of the Linkis dialect."""
