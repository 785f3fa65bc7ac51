"""Spans on their way to a file or a collector, and that nothing of it is there unless wanted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import ConfigError, Tracing, load
from gateway.tracing.tracer import Span, Tracer, tracer_of
from protocol.trace_context import TraceContext
from tests.support.collector import Collector, collecting
from tests.support.traces import spans_of

PLACE = TraceContext("ab" * 16, "cd" * 8, 1, "vendor=1")
SPAN = Span("run", PLACE, "01" * 8, 5_000_000, 7_000_000, {"text": "x\ny", "n": 3}, "it failed")


def settings(**changed: object) -> Tracing:
    """The settings of a tracer, as they are shipped but for these."""
    overrides = {f"tracing.{name}": value for name, value in changed.items()}
    return load(None, {}, overrides).tracing


def made(tmp_path: Path, **changed: object) -> Tracer:
    """A tracer of these settings."""
    found = tracer_of(settings(**changed), "runner", tmp_path)
    assert found is not None
    return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A receiver of OTLP."""
    with collecting() as found:
        yield found


def test_a_file_has_lines_of_otlp(tmp_path: Path) -> None:
    """With the ids that were given; text is safe to print."""
    tracer = made(tmp_path, exporter="file")
    tracer.emit(SPAN)
    tracer.close()
    [span] = spans_of(tmp_path / "traces.jsonl")
    assert (span.trace_id, span.span_id, span.parent_id) == ("ab" * 16, "01" * 8, "cd" * 8)
    assert (span.name, span.start_ns, span.end_ns) == ("run", 5_000_000, 7_000_000)
    assert span.state == "vendor=1"
    assert span.facts["text"] == "x\\ny"
    assert span.facts["n"] == "3"
    assert span.facts["narthex.process"] == "runner"
    assert span.fault == "it failed"


def test_a_file_stays_within_its_bounds(tmp_path: Path) -> None:
    """A large one is put aside, once, and only its owner reads it."""
    path = tmp_path / "spans"
    for _ in range(3):
        tracer = made(tmp_path, exporter="file", file=str(path), file_bytes=1)
        tracer.emit(SPAN)
        tracer.close()
    assert len(spans_of(path)) == len(spans_of(tmp_path / "spans.1")) == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_not_sampled_is_dropped(tmp_path: Path) -> None:
    """Whoever began the trace decided that."""
    tracer = made(tmp_path, exporter="file")
    unsampled = TraceContext("ab" * 16, "cd" * 8, 0)
    tracer.emit(Span("run", unsampled, "01" * 8, 1, 2))
    tracer.close()
    assert not (tmp_path / "traces.jsonl").exists()


def test_a_collector_gets_them(tmp_path: Path, collector: Collector) -> None:
    """Over HTTP, as OTLP has it; the top of a trace has no parent."""
    tracer = made(tmp_path, exporter="otlp", endpoint=collector.url)
    tracer.emit(Span("accept", TraceContext("ab" * 16), "02" * 8, 1, 2, serves=True))
    tracer.close()
    [request] = collector.requests
    [span] = request.resource_spans[0].scope_spans[0].spans
    assert (span.trace_id.hex(), span.span_id.hex()) == ("ab" * 16, "02" * 8)
    assert not span.parent_span_id
    assert span.name == "accept"


def test_a_collector_that_is_away_holds_up_nobody(tmp_path: Path) -> None:
    """Neither who hands over more than can wait, nor who ends."""
    tracer = made(tmp_path, exporter="otlp", endpoint="http://127.0.0.1:9/v1/traces")
    begun = time.monotonic()
    for _ in range(5000):
        tracer.emit(SPAN)
    tracer.close()
    assert time.monotonic() - begun < 10


def test_off_imports_nothing(tmp_path: Path) -> None:
    """Nothing that makes or sends spans, in the gateway and in the runner."""
    assert tracer_of(load(None, {}).tracing, "runner", tmp_path) is None
    words = (
        "import sys, gateway.app, gateway.runner.main; from gateway.config import load;"
        "from pathlib import Path; from gateway.tracing.tracer import tracer_of;"
        "assert tracer_of(load(None, {}).tracing, 'runner', Path()) is None;"
        "ours = 'opentelemetry.sdk.trace', 'opentelemetry.exporter', 'gateway.tracing.sdk';"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_without_the_packages_it_says_so(tmp_path: Path) -> None:
    """One sentence that names the extra, at the start."""
    words = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from pathlib import Path\n"
        "from gateway.config import ConfigError, load\n"
        "from gateway.tracing.tracer import tracer_of\n"
        "try:\n"
        "    tracer_of(load(None, {}, {'tracing.exporter': 'file'}).tracing, 'x', Path())\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
    )
    assert "narthex[otel]" in done.stdout


@pytest.mark.parametrize(
    "wrong", [{"exporter": "zipkin"}, {"endpoint": "collector:4317"}, {"file_bytes": 0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    """With the key that is wrong."""
    with pytest.raises(ConfigError, match=f"tracing.{next(iter(wrong))}"):
        settings(**wrong)


def test_lines_are_json(tmp_path: Path) -> None:
    """Each by itself, so that a file that is still written can be read."""
    for _ in range(2):
        tracer = made(tmp_path, exporter="file")
        tracer.emit(SPAN)
        tracer.close()
    lines = (tmp_path / "traces.jsonl").read_text("utf-8").splitlines()
    assert [len(json.loads(line)["resourceSpans"]) for line in lines] == [1, 1]
