"""Tokens, roles, limits, TLS, secrets: who gets in, and what for."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route, WebSocketRoute

from merganser.engine.properties import HIDDEN, shown_value
from merganser.errors import PropertyError, TooManyRequestsError
from merganser.parser.build import parse_statement
from merganser.server.access import METHOD, TOKENS_FILE, USERS_FILE
from merganser.server.app import create_app
from merganser.server.client import Client, ClientTls, ServerError, UnreachableError
from merganser.server.config import ServerConfig, load_config
from merganser.server.limits import CallRates
from merganser.server.permissions import Level, route_level, statement_level
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine
from tests.server.raw_http import RawConnection
from tests.server.raw_socket import listen

DIGEST = hashlib.sha256(b"of-admin").hexdigest()
USERS = "reader: r, read\nwriter: w, write\nnobody: n, clerk\n"
TOKENS = f"grafana: of-reader, read\nops: SHA256:{DIGEST}, admin\n"
READER, WRITER = ("reader", "r"), ("writer", "w")
OPEN = {"/v1/metadata", "/v1/metadata/id", "/healthcheck", "/chc/live", "/chc/ready"}


def engine_with(properties: dict[str, str]) -> FakeEngine:
    engine = FakeEngine()
    engine.may_start.set()
    engine.config.properties = properties
    return engine


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("access")
    (folder / "users").write_text(USERS, encoding="utf-8")
    (folder / "tokens").write_text(TOKENS, encoding="utf-8")
    return {
        METHOD: "BASIC,BEARER",
        USERS_FILE: str(folder / "users"),
        TOKENS_FILE: str(folder / "tokens"),
    }


@pytest.fixture(scope="module")
def guarded(rules: dict[str, str]) -> Iterator[RunningServer]:
    with start_in_background(ServerConfig(port=0), engine=engine_with(rules)) as server:
        yield server


def status(
    server: RunningServer,
    method: str,
    path: str,
    auth: tuple[str, str] | None = None,
    bearer: str | None = None,
    body: object = None,
) -> int:
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    return httpx.request(
        method, server.url + path, auth=auth, headers=headers, json=body
    ).status_code


def every_route() -> list[tuple[str, str]]:
    """Method and path of all that the application answers, parameters filled in."""
    app: FastAPI = create_app(engine_with({}))
    found: list[tuple[str, str]] = []
    left: list[BaseRoute] = list(app.routes)
    while left:
        route = left.pop()
        if (included := getattr(route, "original_router", None)) is not None:
            left += included.routes
            continue
        path = str(route.path).replace("{", "").replace("}", "")  # type: ignore[attr-defined] # all
        if isinstance(route, WebSocketRoute):
            found.append(("WEBSOCKET", path))
        else:
            assert isinstance(route, Route)
            found += [(method, path) for method in sorted(route.methods or ())]
    return found


def test_the_walk_finds_the_routes() -> None:
    routes = every_route()
    for expected in (
        ("POST", "/ksql"),
        ("POST", "/query"),
        ("POST", "/query-stream"),
        ("POST", "/sql"),
        ("POST", "/inserts-stream"),
        ("POST", "/close-query"),
        ("GET", "/openapi.json"),
        ("GET", "/metrics"),
        ("WEBSOCKET", "/ws/query"),
    ):
        assert expected in routes


@pytest.mark.parametrize(("method", "path"), every_route())
def test_every_route_is_guarded(guarded: RunningServer, method: str, path: str) -> None:
    if path in OPEN:
        assert status(guarded, method, path) in (200, 404)
        return
    if method == "WEBSOCKET":
        assert listen(guarded.url, path, quiet_seconds=5).status == 401
        return
    assert status(guarded, method, path) == 401
    assert status(guarded, method, path, bearer="wrong") == 401
    assert status(guarded, method, path, auth=("nobody", "n")) == 403
    expected = route_level(method, path) <= Level.READ
    assert (status(guarded, method, path, auth=READER) != 403) is expected


def test_tokens_and_their_digests(guarded: RunningServer) -> None:
    assert status(guarded, "GET", "/info", bearer="of-reader") == 200
    assert status(guarded, "GET", "/info", bearer="of-admin") == 200
    assert status(guarded, "GET", "/info", bearer=DIGEST) == 401
    assert status(guarded, "GET", "/info", bearer=f"SHA256:{DIGEST}") == 401
    assert status(guarded, "GET", "/info", auth=("ops", "of-admin")) == 401


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("SHOW STREAMS;", Level.READ),
        ("DESCRIBE S;", Level.READ),
        ("EXPLAIN Q;", Level.READ),
        ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", Level.WRITE),
        ("INSERT INTO S (A) VALUES (1);", Level.WRITE),
        ("DROP STREAM S;", Level.WRITE),
        ("TERMINATE Q;", Level.WRITE),
        ("ALTER SYSTEM 'a'='b';", Level.ADMIN),
        ("CREATE SINK CONNECTOR C WITH ('a'='b');", Level.ADMIN),
        (
            "CREATE FUNCTION F(A INT) RETURNS INT LANGUAGE PYTHON AS $$def F(a): return a$$;",
            Level.ADMIN,
        ),
    ],
)
def test_statements_need_roles(rules: dict[str, str], text: str, least: Level) -> None:
    assert statement_level(parse_statement(text)) is least


def test_a_reader_changes_nothing(rules: dict[str, str]) -> None:
    engine = engine_with(rules)
    with start_in_background(ServerConfig(port=0), engine=engine) as server:
        with Client(server.url, auth=READER) as client, pytest.raises(ServerError) as caught:
            client.execute("DROP STREAM S;")
        assert caught.value.code == 40300
        assert "write" in caught.value.message
        assert engine.seen == []
        with Client(server.url, auth=WRITER) as client, pytest.raises(ServerError) as other:
            client.execute("ALTER SYSTEM 'a'='b';")
        assert other.value.code == 40300
        assert status(server, "POST", "/ksql/terminate", auth=WRITER) == 403
        assert status(server, "POST", "/inserts-stream", auth=READER) == 403


# ---------------------------------------------------------------- limits


def ask_bounded(properties: dict[str, str], body: object, times: int = 1) -> list[httpx.Response]:
    with start_in_background(ServerConfig(port=0), engine=engine_with(properties)) as server:
        return [httpx.post(f"{server.url}/ksql", json=body) for _ in range(times)]


def test_long_bodies_and_statements() -> None:
    for properties in (
        {"merganser.request.max.bytes": "1000"},
        {"merganser.statement.max.bytes": "1000"},
    ):
        (answer,) = ask_bounded(properties, {"ksql": "SHOW STREAMS;" + " " * 2000})
        assert (answer.status_code, answer.json()["error_code"]) == (413, 41300)
        assert answer.json()["@type"] == "generic_error"


def test_a_body_that_does_not_say_its_length_is_cut_off() -> None:
    engine = engine_with({"merganser.request.max.bytes": "100000"})
    with start_in_background(ServerConfig(port=0), engine=engine) as server:
        pieces = (b" " * 10_000 for _ in range(100))
        answer = httpx.post(f"{server.url}/ksql", content=pieces)
    assert answer.json()["error_code"] == 41300


def test_a_long_body_is_not_waited_for() -> None:
    """The answer comes although the body never does."""
    engine = engine_with({"merganser.request.max.bytes": "1000"})
    with (
        start_in_background(ServerConfig(port=0), engine=engine) as server,
        RawConnection(server.url) as connection,
    ):
        connection.send("POST", "/ksql", headers={"Content-Length": "1000000"})
        assert connection.head().status == 413


def test_too_many_requests_a_second() -> None:
    answers = ask_bounded({"merganser.request.max.per.second": "2"}, {"ksql": "X;"}, times=20)
    codes = [answer.status_code for answer in answers]
    assert codes[0] != 429
    assert 429 in codes
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error_code"] == 42900


def test_rates_are_each_callers_own() -> None:
    class Stopped:
        at = 0

        def now_ms(self) -> int:
            return self.at

    clock = Stopped()
    rates = CallRates(2, clock)
    rates.take("a")
    rates.take("a")
    with pytest.raises(TooManyRequestsError):
        rates.take("a")
    rates.take("b")
    clock.at = 500
    rates.take("a")
    with pytest.raises(TooManyRequestsError):
        rates.take("a")


def test_too_many_requests_at_once() -> None:
    engine = engine_with({"merganser.request.max.concurrent": "1"})
    entered, leave = threading.Event(), threading.Event()

    def slow(*_args: object, **_more: object) -> list[object]:
        entered.set()
        assert leave.wait(20)
        return []

    engine.execute = slow  # type: ignore[method-assign, assignment] # for this test
    with start_in_background(ServerConfig(port=0), engine=engine) as server:
        first: list[int] = []
        thread = threading.Thread(
            target=lambda: first.append(status(server, "POST", "/ksql", body={"ksql": "X;"}))
        )
        thread.start()
        assert entered.wait(20)
        assert status(server, "POST", "/ksql", body={"ksql": "X;"}) == 429
        assert status(server, "GET", "/info") == 200  # It can still be watched.
        leave.set()
        thread.join()
        assert first == [200]
        assert status(server, "POST", "/ksql", body={"ksql": "X;"}) == 200


def test_a_limit_that_is_no_number_starts_no_server() -> None:
    with pytest.raises(PropertyError):
        create_app(engine_with({"merganser.request.max.bytes": "lots"}))


# ---------------------------------------------------------------- TLS


class Keys:
    """Certificates of one authority, as files."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.server = folder / "server.pem"
        self.client = folder / "client.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            str(self.server)
        )
        authority.issue_cert("me@here").private_key_and_cert_chain_pem.write_to_path(
            str(self.client)
        )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("http2", [False, True])
def test_tls_and_http2_by_alpn(keys: Keys, http2: bool) -> None:
    config = ServerConfig(port=0, tls_certificate=keys.server)
    with start_in_background(config, engine=engine_with({})) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=keys.ca)
        with httpx.Client(http2=http2, verify=context) as client:
            answer = client.get(f"{server.url}/info")
        assert answer.json()["KsqlServerInfo"]
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        with Client(server.url, tls=ClientTls(ca=keys.ca)) as known:
            assert known.info()
        with Client(server.url) as unknown, pytest.raises(UnreachableError):
            unknown.info()


def test_clients_must_show_a_certificate_where_it_is_asked_for(keys: Keys) -> None:
    config = ServerConfig(port=0, tls_certificate=keys.server, tls_client_ca=keys.ca)
    with start_in_background(config, engine=engine_with({})) as server:
        with Client(server.url, tls=ClientTls(keys.ca, keys.client)) as client:
            assert client.info()
        with Client(server.url, tls=ClientTls(keys.ca)) as client, pytest.raises(UnreachableError):
            client.info()


def test_half_of_tls_starts_no_server(keys: Keys, tmp_path: Path) -> None:
    for config in (
        ServerConfig(port=0, tls_client_ca=keys.ca),
        ServerConfig(port=0, tls_certificate=keys.ca),
        ServerConfig(port=0, tls_certificate=tmp_path / "none"),
        ServerConfig(port=0, tls_certificate=keys.server, tls_client_ca=tmp_path / "none"),
    ):
        with pytest.raises(PropertyError):
            start_in_background(config, engine=engine_with({}))


# ---------------------------------------------------------------- secrets


def test_secrets_come_from_elsewhere_and_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("of-the-file\n", encoding="utf-8")
    config = load_config(
        environment={"BROKER": "of-the-environment"},
        flags={
            "properties": {
                "ksql.streams.sasl.username": "${env:BROKER}",
                "some.name": f"a${{file:{file}}}b",
            },
            "tls_key_password": "${env:BROKER}",
        },
    )
    assert config.properties["some.name"] == "aof-the-fileb"
    assert str(config.tls_key_password) + "" == "of-the-environment"
    assert "of-the" not in repr(config)
    for name, value in config.properties.items():
        assert shown_value(name, value) == HIDDEN


def test_properties_of_security_in_the_environment() -> None:
    config = load_config(
        environment={
            "MERGANSER_AUTHENTICATION_METHOD": "BASIC",
            "MERGANSER_MERGANSER_AUTHENTICATION_USERS_FILE": "/users",
            "MERGANSER_SASL_MECHANISM": "PLAIN",
            "MERGANSER_KSQL_SERVICE_ID": "x",
            "MERGANSER_TOKEN": "the command line's own",
        }
    )
    assert config.properties == {
        METHOD: "BASIC",
        USERS_FILE: "/users",
        "sasl.mechanism": "PLAIN",
        "ksql.service.id": "x",
    }


def test_a_secret_that_is_not_there_is_told_by_its_place(tmp_path: Path) -> None:
    for text in ("${env:NOT_SET}", f"${{file:{tmp_path}/none}}"):
        with pytest.raises(PropertyError, match="takes its value from"):
            load_config(environment={}, flags={"properties": {"a.b": text}})
