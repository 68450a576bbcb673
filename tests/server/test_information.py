"""`/info` and its like, unknown paths, and what Accept does to them."""

from __future__ import annotations

import json

import httpx
import pytest

import merganser
from merganser.engine.engine import Problem
from merganser.server.wire import API_VERSION
from tests.server.fake_engine import FakeEngine, FakeStats, FakeStatus
from tests.server.raw_http import RawConnection

INFO = {
    "KsqlServerInfo": {
        "version": API_VERSION,
        "kafkaClusterId": "test-cluster",
        "ksqlServiceId": "test_",
        "serverStatus": "RUNNING",
    }
}


def test_info_tells_version_and_ids_in_order(http: httpx.Client) -> None:
    answer = http.get("/info")
    assert answer.status_code == 200
    assert answer.text == json.dumps(INFO, separators=(",", ":"))


def test_only_the_needed_headers_are_sent(raw: RawConnection) -> None:
    answer = raw.ask("GET", "/info")
    assert set(answer.headers) == {"content-type", "content-length"}
    assert answer.headers["content-type"] == "application/json"


def test_the_root_leads_to_info(raw: RawConnection) -> None:
    answer = raw.ask("GET", "/")
    assert (answer.status, answer.body) == (307, b"")
    assert answer.headers == {"location": "/info", "content-length": "0"}


def test_health_is_told_by_parts(http: httpx.Client, engine: FakeEngine) -> None:
    assert http.get("/healthcheck").json() == {
        "isHealthy": True,
        "details": {
            "metastore": {"isHealthy": True},
            "kafka": {"isHealthy": True},
            "commandRunner": {"isHealthy": True},
        },
        "serverState": "READY",
    }
    engine.healthy["kafka"] = False
    ill = http.get("/healthcheck")
    assert ill.status_code == 200
    assert ill.json()["isHealthy"] is False
    assert ill.json()["details"]["kafka"] == {"isHealthy": False}
    assert ill.json()["details"]["metastore"] == {"isHealthy": True}


def test_metadata_holds_the_ids(http: httpx.Client) -> None:
    ids = {
        "scope": {
            "path": [],
            "clusters": {"kafka-cluster": "test-cluster", "ksql-cluster": "test_"},
        },
        "id": "",
    }
    assert http.get("/v1/metadata").json() == {"version": API_VERSION, "clusterId": ids}
    assert http.get("/v1/metadata/id").json() == ids


@pytest.mark.parametrize(
    "path", ["/info/", "//info", "/%69nfo", "/x/../info", "/./info", "/info?x=1"]
)
def test_paths_are_tidied(raw: RawConnection, path: str) -> None:
    assert json.loads(raw.ask("GET", path).body) == INFO


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nope"),
        ("GET", "/INFO"),
        ("POST", "/info"),
        ("DELETE", "/info"),
        ("GET", "/ksql"),
        ("PUT", "/ksql"),
        ("OPTIONS", "/ksql"),
        ("GET", "/query"),
        ("GET", "/query-stream"),
        ("GET", "/close-query"),
        ("POST", "/status"),
        ("GET", "/status/stream/S"),
        ("GET", "/status/stream%2FS%2Fcreate"),
        ("GET", "/is_valid_property/"),
        ("GET", "/favicon.ico"),
    ],
)
def test_what_is_not_there_is_not_found(raw: RawConnection, method: str, path: str) -> None:
    answer = raw.ask(method, path)
    assert (answer.status, answer.body) == (404, b"Not Found")
    assert answer.headers == {"content-length": "9"}


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("application/json; charset=utf-8", 200),
        ("application/vnd.ksql.v1+json; q=0.9, application/json; q=0.5", 200),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", 200),
        ("text/html", 404),
        ("application/vnd.ksql.v2+json", 404),
        ("application/vnd.ksqlapi.delimited.v1", 404),
        ("application/json;q=0", 404),
    ],
)
def test_accept_chooses(raw: RawConnection, accept: str | None, status: int) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = raw.ask("GET", "/info", headers=headers)
    assert answer.status == status
    if status == 200:
        assert answer.headers["content-type"] == "application/json"


def test_overlong_request_lines_are_refused(raw: RawConnection) -> None:
    answer = raw.ask("GET", "/info?" + "x" * 5000)
    assert (answer.status, answer.body) == (414, b"")


def test_command_statuses(http: httpx.Client, engine: FakeEngine) -> None:
    engine.statuses = {
        "stream/`S`/create": FakeStatus(),
        "table/`T`/create": FakeStatus("EXECUTING", "", "CTAS_T_1"),
    }
    assert http.get("/status").json() == {
        "commandStatuses": {"stream/`S`/create": "SUCCESS", "table/`T`/create": "EXECUTING"}
    }
    for path in ("/status/stream/%60S%60/create", "/status/stream/`S`/create"):
        assert http.get(path).json() == {
            "status": "SUCCESS",
            "message": "Stream created",
            "queryId": None,
        }
    assert http.get("/status/table/`T`/create").json()["queryId"] == "CTAS_T_1"
    unknown = http.get("/status/stream/S/create")
    assert unknown.status_code == 404
    assert unknown.json()["@type"] == "generic_error"
    assert unknown.json()["error_code"] == 40400
    assert http.get("/status/foo/S/create").json()["error_code"] == 50000


def test_properties_that_clients_may_set(http: httpx.Client) -> None:
    assert http.get("/is_valid_property/auto.offset.reset").text == "true"
    denied = http.get("/is_valid_property/ksql.service.id")
    assert denied.status_code == 400
    assert denied.json()["error_code"] == 40000
    assert "ksql.service.id" in denied.json()["message"]


def test_cluster_endpoints_tell_that_the_server_is_alone(raw: RawConnection) -> None:
    status = raw.ask("GET", "/clusterStatus")
    assert (status.status, status.body) == (404, b"")
    assert status.headers["content-type"] == "application/json"
    for path in ("/heartbeat", "/lag"):
        answer = raw.ask("POST", path, b"{}")
        assert json.loads(answer.body)["error_code"] == 40000


def test_probes_answer(http: httpx.Client) -> None:
    assert http.get("/chc/live").text == "{}"
    assert http.get("/chc/ready").text == "{}"


def test_metrics_have_a_line_a_query(http: httpx.Client, engine: FakeEngine) -> None:
    engine.counters = [FakeStats("CSAS_A_1"), FakeStats("CTAS_B_2", state="ERROR", lag=0)]
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    for line in (
        'merganser_query_records_in_total{query_id="CSAS_A_1"} 10.0',
        'merganser_query_records_out_total{query_id="CSAS_A_1"} 7.0',
        'merganser_query_bytes_in_total{query_id="CSAS_A_1"} 100.0',
        'merganser_query_bytes_out_total{query_id="CSAS_A_1"} 70.0',
        'merganser_query_late_rows_total{query_id="CSAS_A_1"} 2.0',
        'merganser_query_record_errors_total{query_id="CSAS_A_1"} 1.0',
        'merganser_query_epoch_seconds{query_id="CSAS_A_1"} 0.25',
        'merganser_query_lag_records{query_id="CSAS_A_1"} 5.0',
        'merganser_query_lag_records{query_id="CTAS_B_2"} 0.0',
        'merganser_query_state{query_id="CSAS_A_1",state="RUNNING"} 1.0',
        'merganser_query_state{query_id="CTAS_B_2",state="RUNNING"} 0.0',
        'merganser_query_state{query_id="CTAS_B_2",state="ERROR"} 1.0',
        f'merganser_build_info{{version="{merganser.__version__}"}} 1.0',
        "merganser_open_answers 0.0",
        'merganser_query_state_bytes{query_id="CSAS_A_1"} 4096.0',
        'merganser_query_last_record_timestamp_seconds{query_id="CSAS_A_1"} 1.5',
        "merganser_push_queries 3.0",
        'merganser_push_subscribers{topic="t"} 2.0',
        'merganser_push_waiting_bytes{topic="t"} 500.0',
        "merganser_push_dropped_total 1.0",
    ):
        assert line in lines


def test_metrics_of_requests_and_of_the_process(http: httpx.Client, engine: FakeEngine) -> None:
    def value(name: str) -> float:
        lines = http.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name + " "))

    name = 'merganser_http_requests_total{method="GET",route="/info",status="200"}'
    before = value(name)
    http.get("/info")
    http.get("/info")
    assert value(name) == before + 2
    refused = 'merganser_refused_total{code="40001"}'
    before = value(refused)
    http.post("/query-stream", json={"sql": "NOPE;"})
    assert value(refused) == before + 1
    http.get("/a-path-of-the-clients-own")
    text = http.get("/metrics").text
    assert "a-path-of-the-clients-own" not in text
    assert 'route="other",status="404"' in text
    assert 'merganser_http_response_start_seconds_bucket{le="0.1",route="/info"}' in text
    assert value("process_resident_memory_bytes") > 1_000_000
    assert value("process_cpu_seconds_total") > 0


def test_health_tells_reasons(http: httpx.Client, engine: FakeEngine) -> None:
    answer = http.get("/health")
    well = {"healthy": True, "serverState": "READY", "problems": []}
    assert (answer.status_code, answer.json()) == (200, well)
    engine.found_problems = [Problem("query CSAS_A_1", "ERROR", "a value does not fit")]
    answer = http.get("/health")
    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        {"part": "query CSAS_A_1", "state": "ERROR", "reason": "a value does not fit"}
    ]


def test_the_description_tells_the_routes_that_exist(http: httpx.Client) -> None:
    description = http.get("/openapi.json").json()
    assert set(description["paths"]) == {
        "/info",
        "/health",
        "/healthcheck",
        "/v1/metadata",
        "/v1/metadata/id",
        "/chc/live",
        "/chc/ready",
        "/ksql",
        "/ksql/terminate",
        "/query",
        "/query-stream",
        "/close-query",
        "/inserts-stream",
        "/status",
        "/status/{kind}/{entity}/{action}",
        "/is_valid_property/{name}",
        "/clusterStatus",
        "/metrics",
        "/sql",
    }
    body = description["paths"]["/ksql"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {
        "ksql",
        "streamsProperties",
        "sessionVariables",
        "commandSequenceNumber",
        "requestProperties",
    }
    stream = description["paths"]["/query-stream"]["post"]["responses"]["200"]["content"]
    assert set(stream) == {
        "application/vnd.ksqlapi.delimited.v1",
        "application/json",
        "application/vnd.ksql.v1+json",
        "application/vnd.ksql.v1+protobuf",
    }
