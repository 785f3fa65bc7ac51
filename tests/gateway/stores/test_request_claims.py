"""Which request ids are taken, by links in a real folder."""

from pathlib import Path

import pytest

from gateway.stores.request_claims import RequestClaims
from gateway.stores.spec import TaskSpec, encode_spec
from tests.support.specs import make_spec

_KEEP_MS = 1000


@pytest.fixture
def claims(tmp_path: Path) -> RequestClaims:
    """An empty folder of claims."""
    (tmp_path / "requests").mkdir()
    return RequestClaims(tmp_path / "requests")


def _claim(claims: RequestClaims, spec: TaskSpec, *, run: bool) -> Path:
    """Takes the spec's request id; with a run, its spec has another name too."""
    path = claims.path(spec.owner, spec.request_id)
    path.write_bytes(encode_spec(spec))
    if run:
        (claims.folder.parent / path.name).hardlink_to(path)
    return path


def test_a_claim_says_which_task_has_it(claims: RequestClaims) -> None:
    """It is read back as it was accepted, and is free again once it is given back."""
    spec = make_spec(request_id="one")
    path = _claim(claims, spec, run=True)
    assert claims.read(path) == spec
    claims.free(spec.owner, "one")
    assert claims.read(path) is None
    claims.free(spec.owner, "one")


def test_no_two_requests_share_a_claim(claims: RequestClaims) -> None:
    """User and request id both count, whatever is in them, and no text leads to another folder."""
    pairs = [("ann", "one"), ("bob", "one"), ("ann", "two"), ("an", "n\0one"), ("ann", "../\udc80")]
    paths = [claims.path(*pair) for pair in pairs]
    assert len(set(paths)) == len(paths)
    assert {path.parent for path in paths} == {claims.folder}


def test_only_claims_of_tasks_long_expired_and_gone_are_swept(claims: RequestClaims) -> None:
    """One with a run directory stays, as does a recent one."""
    gone = [_claim(claims, make_spec(request_id=f"g{n}", expires_ms=50), run=False) for n in "abc"]
    kept = [
        _claim(claims, make_spec(request_id="run", expires_ms=50), run=True),
        _claim(claims, make_spec(request_id="recent", expires_ms=9_000), run=False),
    ]
    assert claims.sweep(10_000, _KEEP_MS, 2) == 2
    assert claims.sweep(10_000, _KEEP_MS, 2) == 1
    assert claims.sweep(10_000, _KEEP_MS, 2) == 0
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)
