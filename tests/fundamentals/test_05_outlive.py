"""A run outlives the gateway: kill it in the middle, start it again, and no line is missing."""

import signal
from pathlib import Path

import httpx

from tests.fundamentals.test_01_tasks import data, ended, submit
from tests.support.served import serving
from tests.support.waiting import wait_until_sync

API = "/api/rest_j/v1/entrance"


def test_a_run_goes_on_without_its_gateway(tmp_path: Path, folder: Path) -> None:
    """The script writes while nobody listens; afterwards its log is whole."""
    go = folder / "go"
    script = f"echo before; while [ ! -e {go} ]; do sleep 0.05; done; echo after"

    with serving(tmp_path / "data") as gateway:
        with httpx.Client(base_url=gateway.url + API, headers=gateway.headers) as http:
            task = submit(http, script)["execID"]
            wait_until_sync(
                lambda: data(http.get(f"/{task}/status"))["status"] == "Running", "the run to begin"
            )
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait(20)
        go.touch()

    with (
        serving(tmp_path / "data") as gateway,
        httpx.Client(base_url=gateway.url + API, headers=gateway.headers) as http,
    ):
        assert ended(http, task) == "Succeed"
        page = data(http.get(f"/{task}/log", params={"format": "lines", "fromLine": 1}))

    assert [line["text"] for line in page["lines"]] == ["before", "after"]
