"""Users, passwords and roles."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from merganser.errors import PropertyError
from merganser.server.access import METHOD, ROLES, SKIP_PATHS, USERS_FILE, AccessRules
from merganser.server.config import ServerConfig
from merganser.server.permissions import Level, Principal
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine
from tests.server.raw_http import RawAnswer, RawConnection
from tests.server.raw_socket import listen

DIGEST = hashlib.md5(b"secret", usedforsecurity=False).hexdigest()
USERS = f"# users\nann: pa:ss, admin, other\nbob: bob, other\ncyd: MD5:{DIGEST}, admin\n"


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    file = tmp_path_factory.mktemp("users") / "users"
    file.write_text(USERS, encoding="utf-8")
    engine = FakeEngine()
    engine.may_start.set()
    engine.config.properties = {
        METHOD: "BASIC",
        ROLES: "admin",
        USERS_FILE: str(file),
        SKIP_PATHS: "/lag,/is_valid*",
    }
    with start_in_background(ServerConfig(port=0), engine=engine) as server:
        yield server


def ask(server: RunningServer, path: str, headers: dict[str, str] | None = None) -> RawAnswer:
    with RawConnection(server.url) as connection:
        return connection.ask("GET", path, headers=headers)


@pytest.mark.parametrize(("name", "password"), [("ann", "pa:ss"), ("cyd", "secret")])
def test_users_with_a_role_may_ask(guarded: RunningServer, name: str, password: str) -> None:
    assert ask(guarded, "/info", basic(name, password)).status == 200
    assert ask(guarded, "/nowhere", basic(name, password)).status == 404


@pytest.mark.parametrize("path", ["/info", "/nowhere", "/", "//healthcheck/../info"])
def test_nobody_else_may_ask_anything(guarded: RunningServer, path: str) -> None:
    for headers in (None, {"Authorization": "Bearer x"}, basic("ann", "x"), basic("eve", "")):
        assert ask(guarded, path, headers).status == 401
    assert ask(guarded, path, basic("bob", "bob")).status == 403
    assert ask(guarded, path, {"Authorization": "Basic !!!"}).status == 400
    challenge = ask(guarded, path, basic("ann", "x")).headers["www-authenticate"]
    assert challenge == 'Basic realm="KsqlRealm"'


@pytest.mark.parametrize("path", ["/healthcheck", "/v1/metadata", "/chc/ready", "/is_valid/x"])
def test_some_paths_are_open(guarded: RunningServer, path: str) -> None:
    assert ask(guarded, path).status in (200, 404)


def test_sockets_are_guarded(guarded: RunningServer) -> None:
    assert listen(guarded.url, "/ws/query", quiet_seconds=5).status == 401
    headers = basic("ann", "pa:ss")
    assert listen(guarded.url, "/ws/query", quiet_seconds=5, headers=headers).status == 101


@pytest.mark.parametrize(
    "properties",
    [{METHOD: "BASIC"}, {METHOD: "KERBEROS"}, {METHOD: "BASIC", USERS_FILE: "/nowhere"}],
)
def test_half_a_configuration_starts_no_server(properties: dict[str, str]) -> None:
    with pytest.raises(PropertyError):
        AccessRules.of(properties)


def test_a_line_that_is_no_user_is_told(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text("ann: x\nbob\n", encoding="utf-8")
    with pytest.raises(PropertyError, match="line 2"):
        AccessRules.of({METHOD: "BASIC", USERS_FILE: str(file)})


def test_by_default_no_role_of_another_kind_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text("ann: x, clerk\n", encoding="utf-8")
    for roles, admitted in (({}, False), ({ROLES: "**"}, True), ({ROLES: "clerk"}, True)):
        rules = AccessRules.of({METHOD: "BASIC", USERS_FILE: str(file), **roles})
        assert rules is not None
        found = rules.admitted(basic("ann", "x")["Authorization"])
        assert isinstance(found, Principal) is admitted
        if isinstance(found, Principal):  # As in ksqlDB: who may in may do all.
            assert found.level is Level.ADMIN
