"""Ports that a porter keeps for its run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from engines.placed.free_ports import free_ports, ports_of, ports_text
from tests.support.ports import free_port


def test_ports_are_free_different_and_of_the_span(tmp_path: Path) -> None:
    """As many as are asked for, by label; those that were asked for by number exactly."""
    exact = free_port()
    found = free_ports(tmp_path, {"web": (3, 0), "that": (1, exact)}, (21_000, 21_999))
    assert found is not None
    assert found["that"] == (exact,)
    assert len(set(found["web"])) == 3
    assert all(21_000 <= port <= 21_999 for port in found["web"])


def test_a_port_where_somebody_listens_is_not_given(tmp_path: Path) -> None:
    """Not even if it is asked for by number; then there are none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert free_ports(tmp_path, {"web": (1, port)}, (21_000, 21_999)) is None
        assert free_ports(tmp_path, {"web": (1, 0)}, (port, port)) is None


def test_another_process_of_ours_gets_others_while_this_one_lives(tmp_path: Path) -> None:
    """Though nobody listens yet: that is what the locks are for."""
    mine = free_ports(tmp_path, {"a": (3, 0)}, (22_000, 22_005))
    assert mine is not None
    code = (
        "import json, sys; from pathlib import Path; from engines.placed.free_ports import *\n"
        "print(json.dumps(free_ports(Path(sys.argv[1]), {'a': (3, 0)}, (22000, 22005))))\n"
        "print(json.dumps(free_ports(Path(sys.argv[1]), {'b': (1, 0)}, (22000, 22005))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert not set(first["a"]) & set(mine["a"])
    assert second is None


def test_ports_go_into_a_text_and_back() -> None:
    """What makes no sense says nothing."""
    ports = {"web": (4000, 4001), "http": (4002,)}
    assert ports_text(ports) == "web:4000,4001;http:4002"
    assert ports_of(ports_text(ports)) == ports
    assert ports_of("-;a:;:4;b:x,5") == {"b": (5,)}
