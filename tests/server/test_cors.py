"""Pages of other origins: the one that is configured may ask, others may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merganser.server.config import ServerConfig
from merganser.server.cors import CorsRules
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine
from tests.server.raw_http import RawAnswer, RawConnection

FRIEND = {"Origin": "http://example.org"}
STRANGER = {"Origin": "http://evil.test"}
ASKING = {"Access-Control-Request-Method": "POST"}


@pytest.fixture(scope="module")
def guarded() -> Iterator[RunningServer]:
    engine = FakeEngine()
    engine.may_start.set()
    engine.config.properties = {
        "access.control.allow.origin": "http://example.org",
        "access.control.allow.methods": "POST, GET",
    }
    with start_in_background(ServerConfig(port=0), engine=engine) as server:
        yield server


def ask(server: RunningServer, method: str, headers: dict[str, str]) -> RawAnswer:
    with RawConnection(server.url) as connection:
        return connection.ask(method, "/info", headers=headers)


def test_the_configured_origin_may_read(guarded: RunningServer) -> None:
    answer = ask(guarded, "GET", FRIEND)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "http://example.org"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "origin"


def test_other_origins_may_not(guarded: RunningServer) -> None:
    for method, extra in (("GET", {}), ("OPTIONS", ASKING)):
        answer = ask(guarded, method, {**STRANGER, **extra})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


def test_a_browser_that_asks_first_is_told(guarded: RunningServer) -> None:
    answer = ask(guarded, "OPTIONS", {**FRIEND, **ASKING})
    assert answer.status == 204
    assert answer.headers["access-control-allow-methods"] == "POST,GET"
    assert "access-control-allow-headers" not in answer.headers


def test_programs_send_no_origin(guarded: RunningServer) -> None:
    answer = ask(guarded, "GET", {})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


def test_without_configuration_nothing_is_said(server: RunningServer) -> None:
    answer = ask(server, "GET", STRANGER)
    assert answer.status == 200
    assert "vary" not in answer.headers


def test_all_origins_get_no_credentials() -> None:
    rules = CorsRules.of({"access.control.allow.origin": "*"})
    assert rules is not None
    assert rules.allows("http://evil.test")
    assert rules.answer_headers() == [(b"access-control-allow-origin", b"*")]
