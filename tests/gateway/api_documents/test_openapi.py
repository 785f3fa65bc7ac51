"""The OpenAPI document: valid, complete, and about the tables as they are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from gateway.api_documents.descriptions import described
from gateway.api_documents.openapi import openapi
from gateway.config import load
from gateway.plugins import Mount, load_dialects
from protocol.accounts import Reads
from tests.support.gateway import Gateway

MOUNTS = load_dialects(load(None), "localhost:8080")
DOCUMENT = openapi(MOUNTS, "/")


def names(mount: Mount) -> str:
    """What a parametrised test is called."""
    return mount.dialect.name


@pytest.mark.parametrize("mount", MOUNTS, ids=names)
def test_every_route_is_described_and_no_other(mount: Mount) -> None:
    """A row that nothing is said of, or a description without a row, is a defect."""
    said = described(mount.dialect)
    rows = {f"{one.method} {said.canonical(one.template)}" for one in mount.dialect.routes}
    assert set(said.operations) == rows
    assert all(operation.summary for operation in said.operations.values())


@pytest.mark.parametrize("mount", MOUNTS, ids=names)
def test_every_route_is_in_the_document(mount: Mount) -> None:
    """At its path and under its method, and open only if it is in the table."""
    paths: dict[str, dict[str, Any]] = DOCUMENT["paths"]
    for route in mount.dialect.routes:
        operation = paths[mount.prefix + route.template.replace("...}", "}")][route.method.lower()]
        public = route.open or Reads.PUBLIC in {route.reads, mount.reads}
        if "x-alias-of" in operation:
            assert operation["x-alias-of"] in paths
        elif operation["tags"] == [mount.dialect.name]:
            assert bool(operation["security"]) is not public


def test_it_is_valid() -> None:
    """As OpenAPI 3.1 has it."""
    validate(DOCUMENT)


def test_it_is_served_to_anybody(gateway: Gateway) -> None:
    """The document of this gateway, with an etag; the page has no script."""
    with httpx.Client(base_url=gateway.url) as client:
        reply = client.get("/openapi.json")
        assert reply.json() == DOCUMENT
        etag = reply.headers["etag"]
        assert client.get("/openapi.json", headers={"If-None-Match": etag}).status_code == 304
        assert client.post("/openapi.json").status_code == 405
        page = client.get("/api-docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert "/api/rest_j/v1/entrance/execute" in page.text
