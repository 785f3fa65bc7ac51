"""What a Jupyter Kernel Gateway takes for a statement in a warm kernel, and for a new kernel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks.figures import median
from tests.support.ports import free_port

__all__ = ["figures"]

_READY_SECONDS = 60
_MOST_SECONDS = 300
_NEW = 5


@contextlib.asynccontextmanager
async def served(python: Path) -> AsyncIterator[str]:
    """Where one listens, for the length of the block."""
    port = free_port()
    words = [str(python), "-m", "kernel_gateway", f"--KernelGatewayApp.port={port}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - once
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(_READY_SECONDS), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    await client.get(f"{url}/api")
                    break
                await asyncio.sleep(0.05)
        yield url
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def asked(channels: ClientConnection, code: str) -> float:
    """Milliseconds from a statement to the word that the kernel is idle again."""
    name = uuid.uuid4().hex
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    header = {"msg_id": name, "msg_type": "execute_request", "version": "5.3"}
    header |= {"username": "", "session": "bench", "date": ""}
    message = {"channel": "shell", "header": header, "content": content}
    message |= {"parent_header": {}, "metadata": {}, "buffers": []}
    start = time.perf_counter()
    await channels.send(json.dumps(message))
    while True:
        reply = json.loads(await channels.recv())
        state = reply["content"].get("execution_state")
        if reply["parent_header"].get("msg_id") == name and state == "idle":
            return (time.perf_counter() - start) * 1000


async def new_kernel(client: httpx.AsyncClient, url: str, rounds: int) -> tuple[float, list[float]]:
    """Milliseconds from asking for a kernel to the end of its first statement, and of others."""
    start = time.perf_counter()
    reply = await client.post(f"{url}/api/kernels", json={})
    name = reply.json()["id"]
    channels = f"{url.replace('http', 'ws', 1)}/api/kernels/{name}/channels"
    async with connect(channels, max_size=None) as socket_:
        await asked(socket_, "!echo hi")
        first = (time.perf_counter() - start) * 1000
        warm = [await asked(socket_, "1+1") for _ in range(rounds)]
    await client.delete(f"{url}/api/kernels/{name}")
    return first, warm


async def figures(python: Path, rounds: int) -> dict[str, float]:
    """Medians in milliseconds: ``start`` with a new kernel, ``statement`` in a warm one."""
    async with (
        asyncio.timeout(_MOST_SECONDS),
        served(python) as url,
        httpx.AsyncClient(timeout=60) as client,
    ):
        found = [await new_kernel(client, url, rounds) for _ in range(_NEW)]
    return {
        "start": median([first for first, _ in found]),
        "statement": median([one for _, warm in found for one in warm[3:]]),
    }
