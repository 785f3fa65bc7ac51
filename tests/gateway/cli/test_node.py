"""Two data folders and one Redis: the second node is refused, and can be given it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.faults.redis_server import own_redis
from tests.gateway.cli.command import narthex
from tests.journeys.entrance import FINAL, shell
from tests.support.served import serving
from tests.support.waiting import wait_until_sync


def test_a_second_node_is_refused_and_the_first_one_unharmed(tmp_path: Path) -> None:
    """It ends at its start and says why; what runs at the first one runs on."""
    first, second = tmp_path / "first", tmp_path / "second"
    with own_redis(tmp_path / "redis") as redis:
        url = f"unix://{redis.socket}"
        more = {"NARTHEX_REDIS_URL": url}
        with (
            serving(first, NARTHEX_REDIS_URL=url) as gateway,
            httpx.Client(headers=gateway.headers, timeout=30) as client,
        ):
            held = tmp_path / "go"
            code = f"echo one; until [ -e {held} ]; do sleep 0.1; done; echo two"
            name = client.post(f"{gateway.api}/execute", json=shell(code)).json()["data"]["execID"]

            refused = narthex("serve", "--port", "0", "--data-dir", second, code=2, more=more)
            assert refused.stdout == ""
            assert "another node works on the Redis of redis.url" in refused.stderr
            assert "Traceback" not in refused.stderr
            assert "'narthex node'" in refused.stderr
            doctor = narthex("doctor", "--data-dir", second, code=1, more=more)
            assert "belongs to node" in doctor.stdout
            working = narthex("node", "forget", "--yes", "--data-dir", second, code=1, more=more)
            assert "works there at this moment" in working.stderr

            held.touch()
            wait_until_sync(
                lambda: (
                    client.get(f"{gateway.api}/{name}/status").json()["data"]["status"] in FINAL
                ),
                "the run to end",
                60,
            )
            page = client.get(f"{gateway.api}/{name}/log", params={"format": "lines"}).json()
            assert [line["text"] for line in page["data"]["lines"]] == ["one", "two"]
            assert gateway.process.poll() is None
        whose = json.loads(
            narthex("node", "show", "--json", "--data-dir", second, more=more).stdout
        )
        own = json.loads(narthex("node", "show", "--json", "--data-dir", first, more=more).stdout)
        assert whose["holder"] == own["node"] == own["holder"]
        assert whose["node"] != own["node"]
        # The sign of life of the runner that has just ended fades.
        wait_until_sync(lambda: not redis.client.exists("narthex:ready"), "the end of its word")
        narthex("node", "forget", "--yes", "--data-dir", second, more=more)
        with serving(second, NARTHEX_REDIS_URL=url) as gateway:
            assert httpx.get(f"{gateway.url}/readyz").status_code == 200


def test_a_private_redis_is_nobody_elses(tmp_path: Path) -> None:
    """It is in the data folder, so that there is nothing to forget."""
    said = json.loads(narthex("node", "show", "--json", "--data-dir", tmp_path / "d").stdout)
    assert said["holder"] == said["node"]
    refused = narthex("node", "forget", "--yes", "--data-dir", tmp_path / "d", code=1)
    assert "private Redis" in refused.stderr
