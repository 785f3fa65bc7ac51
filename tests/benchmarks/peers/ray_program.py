"""What a job of Ray takes for the same: run in its environment, prints one JSON object of figures.

Usage: ray_program.py ROUNDS COUNT. A job has a driver process, a log and a state, as a run has.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

FLIGHT = 8
"""Each job is a Python process of Ray's own beside the program: more at once only swap."""
_POLL_SECONDS = 0.02
_MOST_SECONDS = 120


def finished(client: Any, code: str) -> str:  # noqa: ANN401 - a class of Ray's
    """What a job has printed when it has ended well."""
    name = client.submit_job(entrypoint=code)
    deadline = time.monotonic() + _MOST_SECONDS
    while (status := str(client.get_job_status(name))) in {"PENDING", "RUNNING"}:
        if time.monotonic() > deadline:
            raise TimeoutError(name)
        time.sleep(_POLL_SECONDS)
    if status != "SUCCEEDED":
        raise RuntimeError(status)
    return str(client.get_job_logs(name))


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(rounds: int, count: int) -> None:
    """Measures with one node on this machine."""
    port = free_port()
    ray = import_module("ray")
    ray.init(
        num_cpus=2,
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        dashboard_port=port,
        logging_level="ERROR",
    )
    try:
        jobs = import_module("ray.job_submission")
        client = jobs.JobSubmissionClient(f"http://127.0.0.1:{port}")
        took = []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            if "hi" not in finished(client, "echo hi"):
                raise RuntimeError("nothing was printed")
            took.append((time.perf_counter() - start) * 1000)
        start = time.perf_counter()
        with ThreadPoolExecutor(FLIGHT) as threads:
            list(threads.map(lambda _: finished(client, "true"), range(count)))
        rate = count / (time.perf_counter() - start)
    finally:
        ray.shutdown()
    sys.stdout.write(f"{json.dumps({'start': statistics.median(took[1:]), 'rate': rate})}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
