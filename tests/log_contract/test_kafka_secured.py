"""A broker that asks for TLS and a password: the server's properties are all it takes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from merganser.errors import LogError
from merganser.server.config import ServerConfig
from merganser.server.run import open_log
from tests.kafka_server.process import HOST, free_port
from tests.kafka_server.servers import start_kafka, stop_all

pytestmark = pytest.mark.kafka

MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule required"
BROKER_LOGIN = f'{MODULE} user_me="mine";'


def _settings(data: Path, authority: trustme.CA, plain: int, secure: int) -> dict[str, str]:
    controller = f"{HOST}:{free_port()}"
    issued = authority.issue_cert("127.0.0.1", "localhost")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    store = data / "broker.pem"
    store.write_bytes(text + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(str(data / "ca.pem"))
    return {
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{plain},GUARDED://{HOST}:{secure},"
        f"CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{plain},GUARDED://{HOST}:{secure}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,GUARDED:SASL_SSL,"
        "CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": BROKER_LOGIN,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(data / "ca.pem"),
    }


@pytest.fixture(scope="module")
def secured() -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="merganser-secured-") as place:
        data = Path(place)
        plain, secure = free_port(), free_port()
        try:
            start_kafka(data, plain, _settings(data, trustme.CA(), plain, secure))
            yield f"{HOST}:{secure}", data / "ca.pem"
        finally:
            stop_all(data)


def properties(ca: Path, password: str) -> Mapping[str, str]:
    return {
        "ksql.streams.security.protocol": "SASL_SSL",
        "ksql.streams.sasl.mechanism": "PLAIN",
        "ksql.streams.sasl.jaas.config": f'{MODULE} username="me" password="{password}";',
        "ksql.streams.ssl.truststore.type": "PEM",
        "ksql.streams.ssl.truststore.location": str(ca),
    }


def test_a_log_behind_tls_and_a_password(secured: tuple[str, Path]) -> None:
    broker, ca = secured
    log = open_log(ServerConfig(bootstrap_servers=broker, properties=properties(ca, "mine")))
    try:
        log.create_topic("t", 1, None, {})
        assert [topic.name for topic in log.topics() if topic.name == "t"] == ["t"]
    finally:
        log.close()


def test_the_password_is_not_in_the_error(secured: tuple[str, Path]) -> None:
    broker, ca = secured
    log = open_log(ServerConfig(bootstrap_servers=broker, properties=properties(ca, "not-it")))
    try:
        with pytest.raises(LogError) as caught:
            log.topics()
        assert "not-it" not in str(caught.value)
    finally:
        log.close()
