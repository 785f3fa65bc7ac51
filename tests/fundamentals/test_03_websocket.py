"""A websocket: the same verbs as messages, and lines that come by themselves."""

import json

from websockets.asyncio.client import ClientConnection, connect

from tests.support.served import Served

ENTRANCE = "/api/rest_j/v1/entrance"
SCRIPT = "for i in 1 2 3; do echo tick $i; sleep 0.1; done"


async def asked(socket: ClientConnection, method: str, data: dict[str, object]) -> None:
    """Sends one request: a method and its data."""
    await socket.send(json.dumps({"method": f"{ENTRANCE}/{method}", "data": data}))


async def test_follow_a_task(gateway: Served) -> None:
    """A subscription pushes every line once, in order, and then the end."""
    async with connect(gateway.socket_url, additional_headers=gateway.headers) as socket:
        code = {"executeApplicationName": "shell", "runType": "shell", "executionCode": SCRIPT}
        await asked(socket, "execute", {**code, "push": False})
        task = json.loads(await socket.recv())["data"]["taskID"]
        await asked(socket, f"{task}/subscribe", {"fromLine": 1})

        lines: list[str] = []
        async for message in socket:
            pushed = json.loads(message)
            lines += [line["text"] for line in pushed["data"].get("lines", [])]
            if pushed["method"].endswith("/eof"):
                break

    assert lines == ["tick 1", "tick 2", "tick 3"]


async def test_a_reader_goes_on_where_it_was(gateway: Served) -> None:
    """A socket that is lost costs nothing: the next one subscribes from the next line."""
    code = {"executeApplicationName": "shell", "runType": "shell", "executionCode": SCRIPT}
    async with connect(gateway.socket_url, additional_headers=gateway.headers) as socket:
        await asked(socket, "execute", {**code, "push": False})
        task = json.loads(await socket.recv())["data"]["taskID"]

    async with connect(
        f"{gateway.socket_url}?resume=false", additional_headers=gateway.headers
    ) as socket:
        await asked(socket, f"{task}/subscribe", {"fromLine": 2})
        lines: list[str] = []
        async for message in socket:
            pushed = json.loads(message)
            lines += [line["text"] for line in pushed["data"].get("lines", [])]
            if pushed["method"].endswith("/eof"):
                break

    assert lines == ["tick 2", "tick 3"]
