"""A client of OpenPAI as small as can be, for the journeys."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.served import Served
from tests.support.waiting import wait_until_sync

__all__ = ["GUEST", "Pai", "config"]

GUEST = "Guest is not allowed to do this operation."


class Pai:
    """A client of one user, or of a guest."""

    def __init__(self, gateway: Served, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=f"{gateway.url}/api", headers=headers, timeout=40)

    def __call__(self, method: str, path: str, **more: Any) -> tuple[int, Any]:  # noqa: ANN401 - httpx
        """Status and body of a reply."""
        reply = self.http.request(method, path, **more)
        kind = reply.headers["content-type"]
        return reply.status_code, reply.json() if "json" in kind else reply.text

    def ended(self, path: str, seconds: float = 40) -> dict[str, Any]:
        """The detail of a job that has ended, waited for."""
        final = {"SUCCEEDED", "FAILED", "STOPPED"}

        def state() -> str:
            return str(self("GET", path)[1]["jobStatus"]["state"])

        wait_until_sync(lambda: state() in final, "the job to end", timeout=seconds)
        found = self("GET", path)[1]
        assert isinstance(found, dict)
        return found


def config(name: str, command: str, **more: object) -> dict[str, object]:
    """A job of one task."""
    return {"jobName": name, "image": "", "taskRoles": [{"name": "w", "command": command}], **more}
