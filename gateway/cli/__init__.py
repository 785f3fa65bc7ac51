"""The command line: one module per group of commands, loaded when one of them is called."""

from gateway.cli.program import main

__all__ = ["main"]
