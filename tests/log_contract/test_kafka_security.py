"""Java's names of security settings, said to librdkafka."""

from __future__ import annotations

import pytest

from merganser.engine.log.kafka_security import kafka_security
from merganser.errors import PropertyError

LOGIN = (
    "org.apache.kafka.common.security.scram.ScramLoginModule required "
    'username="ann" password="a\\"b c;";'
)


def test_login_by_jaas() -> None:
    assert kafka_security(
        {
            "ksql.streams.security.protocol": "SASL_SSL",
            "ksql.streams.sasl.mechanism": "SCRAM-SHA-512",
            "ksql.streams.sasl.jaas.config": LOGIN,
            "ksql.streams.auto.offset.reset": "earliest",
        }
    ) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "ann",
        "sasl.password": 'a"b c;',
    }


def test_stores_in_pem_and_pkcs12() -> None:
    assert kafka_security(
        {
            "ssl.truststore.location": "/ca.pem",
            "ssl.truststore.type": "PEM",
            "ssl.keystore.location": "/me.pem",
            "ssl.keystore.type": "PEM",
            "ssl.key.password": "x",
            "ssl.endpoint.identification.algorithm": "",
        }
    ) == {
        "ssl.ca.location": "/ca.pem",
        "ssl.certificate.location": "/me.pem",
        "ssl.key.location": "/me.pem",
        "ssl.key.password": "x",
        "ssl.endpoint.identification.algorithm": "none",
    }
    store = {"ssl.keystore.location": "/me.p12", "ssl.keystore.type": "PKCS12"}
    assert kafka_security({**store, "ssl.keystore.password": "y"}) == {
        "ssl.keystore.location": "/me.p12",
        "ssl.keystore.password": "y",
    }


def test_librdkafkas_own_names_are_taken_as_they_are() -> None:
    own = {"sasl.username": "bob", "ssl.ca.location": "/ca", "sasl.mechanisms": "PLAIN"}
    assert kafka_security({**own, "sasl.jaas.config": LOGIN})["sasl.username"] == "bob"
    assert kafka_security(own) == own
    assert kafka_security({}) == {}


@pytest.mark.parametrize(
    "properties",
    [
        {"ssl.truststore.location": "/x.jks"},
        {"ssl.keystore.location": "/x.jks"},
        {"sasl.jaas.config": "OAuthBearerLoginModule required;"},
    ],
)
def test_what_cannot_be_said_is_refused(properties: dict[str, str]) -> None:
    with pytest.raises(PropertyError) as caught:
        kafka_security(properties)
    assert caught.value.hint
