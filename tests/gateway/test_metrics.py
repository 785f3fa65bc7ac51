"""What is counted, as a collector sees it, and that the dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from tests.support.gateway import Gateway
from tests.support.waiting import wait_until_sync

DASHBOARD: dict[str, Any] = json.loads(
    files("gateway").joinpath("docs/grafana.json").read_text("utf-8")
)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
API = "/api/rest_j/v1/entrance"


@pytest.fixture(scope="module")
def samples(gateway: Gateway) -> dict[str, set[str]]:
    """The names of all samples of a gateway that was used, each with its labels."""
    data = {"executionCode": "seq 3", "executeApplicationName": "shell", "runType": "shell"}
    with connect(gateway.socket_url, additional_headers=gateway.headers()) as socket:
        socket.send(json.dumps({"method": f"{API}/execute", "data": data}))
        while not json.loads(socket.recv(timeout=30))["method"].endswith("/log"):
            pass
        return {
            sample.name: set(sample.labels)
            for family in text_string_to_metric_families(scraped(gateway))
            for sample in family.samples
        }


def scraped(gateway: Gateway) -> str:
    """The text of all metrics."""
    return httpx.get(f"{gateway.url}/metrics").text


def value(gateway: Gateway, name: str) -> float:
    """One sample without labels, or with the only label that it has written out."""
    return float(scraped(gateway).partition(f"\n{name} ")[2].partition("\n")[0])


@pytest.mark.parametrize("query", QUERIES)
def test_the_dashboard_asks_for_what_there_is(samples: dict[str, set[str]], query: str) -> None:
    """Each metric by its name, and each by a label that it has."""
    names = re.findall(r"\b(?:narthex|process)_\w+", query)
    assert names
    for name in names:
        assert name in samples
    [name] = names
    asked = re.findall(r'(\w+)=~?"', query)
    asked += [word for group in re.findall(r"by \(([^)]*)\)", query) for word in group.split(", ")]
    assert set(asked) - {"job"} <= samples[name]


def test_the_dashboard_is_one() -> None:
    """Panels that do not lie on one another, each with a legend, by one source."""
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS]
    assert len(set(places)) == len(PANELS)
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    assert variables == {"source", "job"}
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${source}"
        assert all(target["legendFormat"] for target in panel["targets"])
        assert panel["description"].endswith(".")


def test_every_metric_of_ours_is_on_the_dashboard(samples: dict[str, set[str]]) -> None:
    """None is counted for nobody."""
    shown = " ".join(QUERIES)
    ours = {re.sub(r"_(bucket|sum|count|total|created)$", "", name) for name in samples}
    assert {name for name in ours if name.startswith("narthex_") and name not in shown} == set()


def test_the_queue_has_an_age(own_gateway: Gateway) -> None:
    """It grows while a task waits and is 0 when none does."""
    assert value(own_gateway, "narthex_queue_oldest_seconds") == 0.0
    body = {"executionCode": "true", "executeApplicationName": "shell", "runType": "shell"}
    busy = {**body, "executionCode": "sleep 600"}
    with own_gateway.client() as client:
        # More than one user may run at once: the last ones wait.
        tasks = [
            client.post(f"{API}/execute", json=busy).json()["data"]["taskID"] for _ in range(18)
        ]
        wait_until_sync(
            lambda: value(own_gateway, 'narthex_tasks{state="waiting"}') == 2, "two to wait"
        )
        assert value(own_gateway, 'narthex_tasks{state="running"}') == 16
        wait_until_sync(
            lambda: value(own_gateway, "narthex_queue_oldest_seconds") > 1, "the queue to grow old"
        )
        for number in tasks:
            client.post(f"{API}/{number}/kill")
        wait_until_sync(
            lambda: value(own_gateway, 'narthex_tasks{state="waiting"}') == 0, "none to wait"
        )
    assert value(own_gateway, "narthex_queue_oldest_seconds") == 0.0
