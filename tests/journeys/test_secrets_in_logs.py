"""No secret is in anything that a gateway writes about itself, not even when it says everything."""

import secrets
from pathlib import Path

import httpx

from protocol.dialects.linkis.envelope import ROOT
from tests.journeys.entrance import Caller, shell
from tests.support.served import serving


def test_no_secret_is_in_any_log(tmp_path: Path) -> None:
    """S17, S44: passwords, tokens, queries and code, at the level debug, answered or refused."""
    canary = secrets.token_hex(12)
    data = tmp_path / "data"
    with serving(data, NARTHEX_LOG_LEVEL="debug") as gateway, Caller(gateway) as caller:
        with httpx.Client(base_url=f"{gateway.url}{ROOT}", timeout=30) as http:
            login = {"userName": "admin", "password": canary}
            assert http.post("/user/login", json=login).status_code >= 400
            for query in ({"token": canary}, {"password": canary, "userName": "admin"}):
                http.post("/user/login", params=query)
                http.get("/user/userInfo", params=query, headers={"Referer": f"http://{canary}"})
            bearer = {
                "Authorization": f"Bearer {canary}",
                "Cookie": f"linkis_user_session={canary}",
            }
            assert http.get("/user/userInfo", headers=bearer).status_code == 401
            http.post("/entrance/execute", content=f'{{"executionCode": "{canary}', headers=bearer)
        code = shell(f"echo {canary}", params={"variable": {"secret.a": canary}})
        caller.finished(str(caller.call("POST", "execute", json=code)["execID"]))
        token = gateway.token
    written = data.with_suffix(".log").read_text("utf-8", "replace")
    assert "login" in written
    assert canary not in written
    assert token not in written
    assert token.rpartition(".")[2] not in written
