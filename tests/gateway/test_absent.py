"""Imports that find less than is installed."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from gateway.absent import absent


def test_what_is_absent_cannot_be_imported_until_the_end() -> None:
    """Within the block it is not there, after it it is."""
    name = "xml.sax.saxutils"
    saved = sys.modules.pop(name, None)
    try:
        with absent(name), pytest.raises(ImportError):
            importlib.import_module(name)
        assert importlib.import_module(name).__name__ == name
    finally:
        if saved is not None:
            sys.modules[name] = saved


def test_what_is_loaded_stays() -> None:
    """Nobody loses what they have."""
    with absent("json"):
        assert importlib.import_module("json") is json
    assert sys.modules["json"] is json


def test_what_a_gateway_does_not_import() -> None:
    """Libraries take these if they are there, and a gateway would start the slower for it."""
    code = (
        "import sys, gateway.app, gateway.runner.main, gateway.supervisor.main;"
        "print({'rich', 'xlsxwriter'} & set(sys.modules));"
        "import rich, xlsxwriter"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
