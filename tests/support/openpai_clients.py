"""The published clients of OpenPAI, unmodified: fetched once, each into a folder of its own.

The JavaScript SDK with its command ``pai`` needs Node and npm; where they are not installed its
tests are skipped, except in continuous integration, where they fail.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.absent import missing
from tests.support.served import Served, admin_password

__all__ = ["JsSdk", "Paicli", "fetched_js_sdk", "fetched_paicli"]

_SDK = "@microsoft/openpai-js-sdk"
_PAICLI = (
    # The version of prompt-toolkit that it asks for does not load under Python 3.10 and later; the
    # last one of the same series does.
    "paicli==0.5.5", "prompt-toolkit==1.0.18", "prettytable==3.18.0", "termcolor==3.3.0",
    "colorama==0.4.6", "click==8.5.1", "six==1.17.0", "wcwidth==0.9.4",
)  # fmt: skip
_HEAD = """
const fs = require('fs');
const { PAIV1, PAIV2 } = require('@microsoft/openpai-js-sdk');
const { URL_, HOST, PASSWORD, TOKEN } = JSON.parse(process.env.KNOWN);
const sleep = ms => new Promise(done => setTimeout(done, ms));
const until = async (look, fits) => {
  const end = Date.now() + 60000;
  for (;;) {
    const found = await look();
    if (fits(found)) return found;
    if (Date.now() > end) throw new Error('not in time: ' + JSON.stringify(found));
    await sleep(100);
  }
};
const refused = async call => {
  try { await call; } catch (error) { return (error.data || error.error || error).code; }
  return 'accepted';
};
const main = async () => {
"""
_TAIL = """
};
main().then(
  found => console.log(JSON.stringify(found)),
  error => { console.error(error.stack, error.data); process.exitCode = 1; });
"""


def _said(command: list[str], folder: Path, **more: str) -> str:
    """What a program prints that must end well."""
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], **more},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class JsSdk:
    """The SDK, in the folder that it was installed into."""

    folder: Path

    def run(self, gateway: Served, code: str) -> Any:  # noqa: ANN401 - what the script returns
        """What the body of an async function returns; the head of the module says what it knows."""
        password = admin_password(gateway.data)
        known = {
            "URL_": gateway.url,
            "HOST": gateway.url.removeprefix("http://"),
            "PASSWORD": password,
            "TOKEN": gateway.token,
        }
        words = ["node", "--no-deprecation", "-e", _HEAD + code + _TAIL]
        return json.loads(_said(words, self.folder, KNOWN=json.dumps(known)).splitlines()[-1])

    def pai(self, home: Path, *words: str) -> str:
        """What its command ``pai`` prints; a home keeps the clusters that were added."""
        program = self.folder / "node_modules" / ".bin" / "pai"
        return _said([str(program), *words], self.folder, HOME=str(home))


@dataclass(frozen=True, slots=True)
class Paicli:
    """The command line client, in the folder that it was installed into."""

    folder: Path

    def run(self, home: Path, *words: str) -> str:
        """What a command prints; a home holds its configuration and token."""
        command = [sys.executable, "-W", "ignore", "-m", "paicli.main", *words]
        return _said(command, home, HOME=str(home), PYTHONPATH=str(self.folder))


def fetched_js_sdk(config: pytest.Config) -> JsSdk:
    """The SDK as it was published; kept with pytest's cache for the next time."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        missing("Node and npm are not installed: the JavaScript SDK is not tested here")
    assert config.cache is not None
    folder = config.cache.mkdir("openpai-js-sdk-0.1.5")
    if not (folder / "node_modules" / _SDK / "lib" / "src" / "index.js").is_file():
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        subprocess.run(["npm", "install", *options, f"{_SDK}@0.1.5"], timeout=100, check=True)
    return JsSdk(folder)


def fetched_paicli(config: pytest.Config) -> Paicli:
    """The client as it was published; kept with pytest's cache for the next time."""
    assert config.cache is not None
    folder = config.cache.mkdir("paicli-0.5.5")
    if not (folder / "paicli" / "main.py").is_file():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        subprocess.run([*command, "--target", str(folder), *_PAICLI], timeout=100, check=True)
    return Paicli(folder)
