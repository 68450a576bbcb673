"""The client of Confluent's registry, against answers in its form."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from merganser.engine.schema_registry.client_settings import client_settings
from merganser.engine.schema_registry.confluent import ConfluentSchemaRegistry
from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaKind
from merganser.errors import PropertyError, RegistryError, UserError
from tests.formats.registry_server import Answer, Asked, RegistryServer, serving

PREFIX = "ksql.schema.registry."


@contextmanager
def client(url: str, **settings: str) -> Iterator[ConfluentSchemaRegistry]:
    named = {PREFIX + name.replace("_", "."): value for name, value in settings.items()}
    with closing(ConfluentSchemaRegistry({PREFIX + "url": url, **named})) as found:
        yield found


@contextmanager
def registry(
    answer: Answer, **settings: str
) -> Iterator[tuple[ConfluentSchemaRegistry, RegistryServer]]:
    with serving(answer) as server, client(server.url, **settings) as found:
        yield found, server


def test_registering_sends_text_and_kind() -> None:
    with registry(lambda _: (200, {"id": 7})) as (found, server):
        schema = found.register("a/b-value", SchemaKind.JSON, "{}")
    assert schema == RegisteredSchema(7, SchemaKind.JSON, "{}")
    (asked,) = server.asked
    assert (asked.method, asked.path.split("?")[0]) == ("POST", "/subjects/a%2Fb-value/versions")
    assert asked.body == {"schema": "{}", "schemaType": "JSON", "references": []}


@pytest.mark.parametrize("status", [409, 422])
def test_a_schema_that_is_refused_is_the_users_matter(status: int) -> None:
    answer: Answer = lambda _: (status, {"error_code": status, "message": "incompatible"})  # noqa: E731
    with registry(answer) as (found, _), pytest.raises(UserError) as caught:
        found.register("s", SchemaKind.AVRO, '"int"')
    assert caught.value.detail == "incompatible"


def test_a_missing_subject_is_none_and_a_missing_id_is_not_asked_for_at_once() -> None:
    answer: Answer = lambda _: (404, {"error_code": 40403, "message": "not found"})  # noqa: E731
    with registry(answer) as (found, server):
        assert found.latest("s") is None
        assert found.by_id(5) is None
        count = len(server.asked)
        assert found.by_id(5) is None
    assert len(server.asked) == count, "a topic of broken records would ask for each"


def test_an_id_is_asked_once_and_its_references_are_followed() -> None:
    def answer(asked: Asked) -> tuple[int, object]:
        if asked.path.startswith("/schemas/ids/3"):
            reference = {"name": "e.proto", "subject": "e", "version": 2}
            return 200, {"schema": "A", "schemaType": "PROTOBUF", "references": [reference]}
        return 200, {
            "subject": "e", "version": 2, "id": 1, "schema": "B", "schemaType": "PROTOBUF",
        }  # fmt: skip

    expected = RegisteredSchema(3, SchemaKind.PROTOBUF, "A", {"e.proto": "B"})
    with registry(answer) as (found, server):
        assert found.by_id(3) == expected
        assert found.by_id(3) == expected
    assert [asked.path.split("?")[0] for asked in server.asked] == [
        "/schemas/ids/3", "/subjects/e/versions/2",
    ]  # fmt: skip


def test_the_newest_version_is_asked_for_each_time() -> None:
    ids = iter((1, 2))

    def answer(_: Asked) -> tuple[int, object]:
        return 200, {"subject": "s", "version": 1, "id": next(ids), "schema": '"int"'}

    with registry(answer) as (found, _):
        assert found.latest("s") == RegisteredSchema(1, SchemaKind.AVRO, '"int"')
        assert found.latest("s") == RegisteredSchema(2, SchemaKind.AVRO, '"int"')


def test_the_next_address_is_tried() -> None:
    answer: Answer = lambda _: (200, {"subject": "s", "version": 1, "id": 1, "schema": '"int"'})  # noqa: E731
    with serving(answer) as server, client(f"http://{_closed()}, {server.url}/") as found:
        assert found.latest("s") == RegisteredSchema(1, SchemaKind.AVRO, '"int"')


def _closed() -> str:
    """An address where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(500, True), (503, True), (429, True), (404, True), (401, False), (403, False)],
)
def test_other_answers_are_the_registrys_matter(status: int, retryable: bool) -> None:
    answer: Answer = lambda _: (status, {"error_code": status, "message": "no"})  # noqa: E731
    with registry(answer) as (found, _), pytest.raises(RegistryError) as caught:
        found.latest("s")
    assert caught.value.retryable is retryable


def test_nobody_answering_is_worth_another_try() -> None:
    with client(f"http://{_closed()}") as found, pytest.raises(RegistryError) as caught:
        found.by_id(1)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"basic_auth_user_info": "me:se:cret"},
            "Basic " + base64.b64encode(b"me:se:cret").decode(),
        ),
        (
            {
                "bearer_auth_credentials_source": "STATIC_TOKEN",
                "bearer_auth_token": "t0ken",
                "bearer_auth_logical_cluster": "lsrc-1",
                "bearer_auth_identity_pool_id": "pool-1",
            },
            "Bearer t0ken",
        ),
    ],
    ids=["basic", "bearer"],
)
def test_credentials_are_shown(settings: dict[str, str], expected: str) -> None:
    # Underscores would become dots in a name that has one.
    named = {name.replace("pool_id", "pool.id"): value for name, value in settings.items()}
    answer: Answer = lambda _: (200, {"id": 1})  # noqa: E731
    with registry(answer, **named) as (found, server):
        found.register("s", SchemaKind.AVRO, '"int"')
    assert server.asked[0].headers["Authorization"] == expected


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of localhost that signs itself."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates need openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (folder / "both.pem").write_text(
        (folder / "key.pem").read_text() + (folder / "cert.pem").read_text()
    )
    return folder


def _context(folder: Path, *, asks: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    if asks:
        context.load_verify_locations(folder / "cert.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_tls_with_a_certificate_of_the_client(certificates: Path) -> None:
    """By the names of Java's client, whose stores may be PEM, too."""
    settings = {
        "ssl_truststore_location": str(certificates / "cert.pem"),
        "ssl_truststore_type": "PEM",
        "ssl_keystore_location": str(certificates / "both.pem"),
        "ssl_keystore_type": "PEM",
    }
    answer: Answer = lambda _: (200, {"id": 1})  # noqa: E731
    with serving(answer, tls=_context(certificates, asks=True)) as server:
        with client(server.url, **settings) as found:
            assert found.register("s", SchemaKind.AVRO, '"int"').schema_id == 1
        del settings["ssl_keystore_location"]
        with client(server.url, **settings) as found, pytest.raises(RegistryError):
            found.register("s", SchemaKind.AVRO, '"int"')


def test_a_certificate_that_nobody_vouches_for_is_refused(certificates: Path) -> None:
    answer: Answer = lambda _: (200, {"id": 1})  # noqa: E731
    with (
        serving(answer, tls=_context(certificates, asks=False)) as server,
        client(server.url) as found,
        pytest.raises(RegistryError, match="certificate"),
    ):
        found.register("s", SchemaKind.AVRO, '"int"')


def test_settings_keep_the_clients_names_and_translate_javas() -> None:
    found = client_settings(
        {
            PREFIX + "url": "http://a",
            PREFIX + "basic.auth.credentials.source": "USER_INFO",
            PREFIX + "basic.auth.user.info": "me:secret",
            PREFIX + "ssl.key.location": "k.pem",
            PREFIX + "ssl.keystore.location": "c.pem",
            PREFIX + "max.retries": "2",
            "ksql.service.id": "x_",
        }
    )
    assert found == {
        "url": "http://a",
        "basic.auth.user.info": "me:secret",
        "ssl.key.location": "k.pem",
        "ssl.certificate.location": "c.pem",
        "timeout": 10.0,
        "max.retries": 2.0,
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ssl.truststore.location", "trust.jks", "PEM"),
        ("ssl.keystore.type", "PKCS12", "PEM"),
        ("timeout", "soon", "must be a number"),
        ("ssl.wrong", "1", "does not exist"),
    ],
)
def test_wrong_settings_are_refused(name: str, value: str, told: str) -> None:
    with pytest.raises(PropertyError, match=told):
        client_settings({PREFIX + "url": "http://a", PREFIX + name: value})
