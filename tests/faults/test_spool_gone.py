"""The run directories disappear below a running gateway: nothing is accepted, nothing made anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.journeys.entrance import shell
from tests.support.served import serving
from tests.support.waiting import wait_until_sync


def test_a_spool_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    """Submits are refused while it is away, also by new processes; back again it is as it was."""
    go = tmp_path / "go"
    with serving(tmp_path / "data") as gateway, calling(gateway) as caller:
        spool, away = gateway.data / "spool", gateway.data / "away"
        done = caller.execute("echo done")
        assert caller.finished(done) == "Succeed"
        live = caller.execute(f"echo before; until [ -e {go} ]; do sleep 0.05; done; echo after")
        wait_until_sync(lambda: caller.status(live) == "Running", "the run to run")
        wait_until_sync(
            lambda: "before" in str(caller.http.get(log_of(gateway.api, live)).text), ""
        )
        spool.rename(away)
        reply = caller.http.post(f"{gateway.api}/execute", json=shell("echo never"))
        assert reply.status_code == 503, reply.text
        assert caller.http.get(f"{gateway.url}/readyz").status_code == 503
        (runner,) = gateway.parts("gateway.runner")
        os.kill(runner, signal.SIGKILL)
        log = gateway.data.with_suffix(".log")
        wait_until_sync(lambda: "are gone; bring them" in log.read_text(), "a new runner", 30)
        assert not spool.exists()
        assert caller.http.get(f"{gateway.url}/healthz").status_code == 200
        away.rename(spool)

        def ready() -> bool:
            return caller.http.get(f"{gateway.url}/readyz").status_code == 200

        wait_until_sync(ready, "the gateway to be ready again", 30)
        go.touch()
        assert caller.finished(live) == "Succeed"
        assert [line["text"] for line in caller.lines(live)] == ["before", "after"]
        assert [line["text"] for line in caller.lines(done)] == ["done"]
        assert caller.finished(caller.execute("echo more")) == "Succeed"
        assert not complaints(gateway)


def log_of(api: str, exec_id: str) -> str:
    """Where the lines of a run are."""
    return f"{api}/{exec_id}/log?format=lines&fromLine=1"
