"""The example of an engine of somebody else's passes the suite, found by its entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract import Engine
from engines.suite import Dialogue, EngineSuite
from gateway.config import load
from gateway.plugins import load_engines
from tests.support.packages import install

EXAMPLE = Path(__file__).with_name("perl")


class TestPerl(EngineSuite):
    """The Perl engine, enabled by three lines of configuration."""

    @pytest.fixture
    def engine(
        self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> Engine:
        """The engine as the gateway finds it."""
        site = tmp_path_factory.mktemp("site")
        install(EXAMPLE, site)
        monkeypatch.syspath_prepend(site)
        settings = site / "config.toml"
        settings.write_text("[engines.perl]\nenabled = true\nprogram = 'perl'\n")
        return load_engines(load(settings, {}))["perl"]

    @pytest.fixture
    def dialogue(self) -> Dialogue:
        """Perl scripts."""
        return Dialogue(
            language="perl",
            hello='print "hello\\n"; print STDERR "oops\\n";',
            fails="exit 7;",
            many='print "line $_\\n" for 1 .. 10000;',
            stubborn='$| = 1; $SIG{TERM} = "IGNORE"; print "ready\\n"; sleep 300 while 1;',
            leaves="unless (fork) { setpgrp; exec 'setsid', 'sleep', '300' }",
            nonsense="if then (",
        )


def test_the_example_is_short() -> None:
    """An engine fits into fewer than 150 lines."""
    assert len((EXAMPLE / "narthex_perl.py").read_text().splitlines()) < 150
