"""Users of a served gateway: made by its own commands, with tokens and passwords of theirs."""

import subprocess
from typing import Any

import httpx

from tests.support.served import NARTHEX, Served, token_for

__all__ = ["PASSWORD", "User", "add_user", "client"]

# Nobody closes these clients: no connection outlives its request.
_NOTHING_KEPT = httpx.Limits(max_keepalive_connections=0)
PASSWORD = "correct horse"  # noqa: S105 - of users that exist for one test


class User:
    """One user's HTTP, with a token in the header."""

    def __init__(self, served: Served, name: str) -> None:
        self.name = name
        self.token = token_for(name, served.data)
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(
            base_url=served.url, headers=self.headers, timeout=40, limits=_NOTHING_KEPT
        )

    def data(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx
        """The data of a call that succeeds."""
        reply = self.http.request(method, f"/api/rest_j/v1/{path}", **more)
        envelope = reply.json()
        assert (reply.status_code, envelope["status"]) == (200, 0), envelope
        return dict(envelope["data"])

    def refused(self, method: str, path: str, **more: Any) -> tuple[int, int, str]:  # noqa: ANN401 - httpx
        """HTTP code, status and message of a call that is refused."""
        reply = self.http.request(method, f"/api/rest_j/v1/{path}", **more)
        envelope = reply.json()
        assert envelope["status"] != 0, envelope
        assert isinstance(envelope["data"], dict)
        return reply.status_code, envelope["status"], envelope["message"]


def add_user(served: Served, name: str, *options: str) -> None:
    """Makes a user with the password PASSWORD."""
    subprocess.run(
        [
            *NARTHEX,
            *("user", "add", name, "--password-stdin", *options, "--data-dir", str(served.data)),
        ],
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )


def client(served: Served, **headers: str) -> httpx.Client:
    """A client with a cookie jar and nothing else."""
    url = f"{served.url}/api/rest_j/v1/"
    return httpx.Client(base_url=url, headers=headers, timeout=40, limits=_NOTHING_KEPT)
