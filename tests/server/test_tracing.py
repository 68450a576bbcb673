"""Spans of requests: part of the caller's trace, and silent about statements unless asked."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from merganser.server import app as app_module
from merganser.server import tracing
from merganser.server.config import ServerConfig
from merganser.server.run import start_in_background
from tests.server.fake_engine import FakeEngine

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """A provider for this test alone: OpenTelemetry's own can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    mine = provider.get_tracer("test")
    monkeypatch.setattr(tracing, "tracer", lambda: mine)
    monkeypatch.setattr(app_module, "tracer", lambda: mine)
    yield exporter
    provider.shutdown()


def asked(properties: dict[str, str], spans: InMemorySpanExporter) -> list[ReadableSpan]:
    engine = FakeEngine()
    engine.may_start.set()
    engine.config.properties = properties
    with start_in_background(ServerConfig(port=0), engine=engine) as server:
        httpx.post(f"{server.url}/query-stream", json={"sql": "SELECT 42;"}, headers=PARENT)
    return list(spans.get_finished_spans())


def test_a_request_is_part_of_its_callers_trace(spans: InMemorySpanExporter) -> None:
    query, request = asked({}, spans)
    assert request.name == "POST /query-stream"
    assert request.context is not None
    assert format(request.context.trace_id, "032x") == TRACE
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 400
    assert query.name == "query"
    assert query.parent is not None
    assert query.parent.span_id == request.context.span_id
    assert "42" not in str(query.attributes)
    assert not query.status.is_ok


def test_statements_are_told_where_that_is_wanted(spans: InMemorySpanExporter) -> None:
    query, _request = asked({tracing.STATEMENTS: "true"}, spans)
    assert query.attributes is not None
    assert query.attributes["db.query.text"] == "SELECT 42;"


def test_without_the_packages_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "tracer", lambda: None)
    monkeypatch.setattr(app_module, "tracer", lambda: None)
    engine = FakeEngine()
    engine.may_start.set()
    with start_in_background(ServerConfig(port=0), engine=engine) as server:
        assert httpx.get(f"{server.url}/info", headers=PARENT).status_code == 200
