"""Nodes that reach one another by https, with an authority of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.gateway.cli.command import narthex
from tests.journeys.entrance import Caller
from tests.nodes.rig import Pair, pair
from tests.support.authority import Authority, authority
from tests.support.waiting import wait_until_sync


@contextmanager
def calling(nodes: Pair, name: str, issuer: Authority) -> Iterator[Caller]:
    """A client of a node that believes the authority."""
    with Caller(nodes[name]) as caller:
        caller.http.close()
        trust = issuer.trust()
        caller.http = httpx.Client(headers=nodes[name].headers, timeout=40, verify=trust)
        yield caller


def test_a_node_is_believed_by_the_authority_of_the_settings(tmp_path: Path) -> None:
    """A node that was told of it asks the other; one that was not says why it does not."""
    issuer = authority(tmp_path)
    certificate, key = issuer.issue("node")
    own = {"a": {"NARTHEX_NODE_AUTHORITY": str(issuer.file)}}
    more = {
        "NARTHEX_SERVER_TLS_CERTIFICATE": str(certificate),
        "NARTHEX_SERVER_TLS_KEY": str(key),
        "NARTHEX_SERVER_WORKERS": "1",
        "NARTHEX_RETENTION_HOT_BYTES": "4096",
    }
    with (
        pair(tmp_path / "n", own, **more) as nodes,
        calling(nodes, "a", issuer) as at_a,
        calling(nodes, "b", issuer) as at_b,
    ):
        name = at_b.execute("for i in $(seq 1 3000); do echo line $i; done; sleep 300")
        wait_until_sync(lambda: at_a.status(name) == "Running", "it to run")
        wait_until_sync(lambda: said(at_a, name)[-1:] == ["line 3000"], "the whole log")
        assert said(at_a, name) == [f"line {at}" for at in range(1, 3001)]
        at_a.call("GET", f"{name}/kill")
        assert at_a.finished(name) == "Cancelled"

        name = at_a.execute("sleep 300")
        wait_until_sync(lambda: at_b.status(name) == "Running", "it to run")
        refused = at_b.http.get(f"{at_b.gateway.api}/{name}/kill")
        assert refused.status_code == 504
        assert "certificate" in (nodes.folder / "b.log").read_text()
        at_a.call("GET", f"{name}/kill")
        assert at_a.finished(name) == "Cancelled"


def said(caller: Caller, name: str) -> list[str]:
    """All lines so far of a run that goes on."""
    found: list[str] = []
    while True:
        query = {"format": "lines", "fromLine": len(found) + 1, "size": 5000}
        page = caller.call("GET", f"{name}/log", params=query)
        found += [line["text"] for line in page["lines"]]
        if not page["lines"]:
            return found


def test_an_authority_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    """With the setting and what is the matter."""
    more = {
        "NARTHEX_REDIS_URL": "redis://127.0.0.1:1/0",
        "NARTHEX_NODE_NAME": "a",
        "NARTHEX_NODE_ADDRESS": "https://127.0.0.1:1",
        "NARTHEX_NODE_AUTHORITY": str(tmp_path / "none.pem"),
    }
    refused = narthex("serve", "--port", "0", "--data-dir", tmp_path / "d", code=2, more=more)
    assert "node.authority: cannot read" in refused.stderr
