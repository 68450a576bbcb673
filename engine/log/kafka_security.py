"""How Kafka's clients make themselves known: Java's names of settings as librdkafka's.

Servers of ksqlDB are set up with Java's (`sasl.jaas.config`, `ssl.truststore.location`), with or
without `ksql.streams.` in front. librdkafka has its own for the same things, and reads PEM and
PKCS#12 but no JKS. Its own names are taken as they are, and win.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from merganser.errors import PropertyError

_PREFIX = "ksql.streams."
_FAMILIES = ("security.", "sasl.", "ssl.", "enable.ssl.", "https.")
_LOGIN = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([^\s;]+))')
_JAVA_ONLY = frozenset(
    {
        "sasl.client.callback.handler.class",
        "sasl.jaas.config",
        "sasl.login.callback.handler.class",
        "sasl.login.class",
        "ssl.enabled.protocols",
        "ssl.engine.factory.class",
        "ssl.keymanager.algorithm",
        "ssl.keystore.location",
        "ssl.keystore.password",
        "ssl.keystore.type",
        "ssl.protocol",
        "ssl.provider",
        "ssl.secure.random.implementation",
        "ssl.trustmanager.algorithm",
        "ssl.truststore.certificates",
        "ssl.truststore.location",
        "ssl.truststore.password",
        "ssl.truststore.type",
    }
)


def kafka_security(properties: Mapping[str, str]) -> dict[str, str]:
    """Settings of librdkafka for security, from the server's properties.

    Raises:
        PropertyError: They cannot be said to librdkafka.
    """
    given: dict[str, str] = {}
    for name, value in properties.items():
        bare = name.removeprefix(_PREFIX)
        if bare.startswith(_FAMILIES):
            given[bare] = str(value)
    found = {name: value for name, value in given.items() if name not in _JAVA_ONLY}
    if (mechanism := found.pop("sasl.mechanism", None)) is not None:
        found.setdefault("sasl.mechanisms", mechanism)
    if found.get("ssl.endpoint.identification.algorithm") == "":
        found["ssl.endpoint.identification.algorithm"] = "none"
    return {**_login(given.get("sasl.jaas.config")), **_trusted(given), **_own_key(given), **found}


def _login(jaas: str | None) -> dict[str, str]:
    """User and password of a line such as `…PlainLoginModule required username="x" …;`."""
    if jaas is None:
        return {}
    options = {
        match[1]: re.sub(r"\\(.)", r"\1", match[2] or match[3] or match[4] or "")
        for match in _LOGIN.finditer(jaas)
    }
    if "username" not in options or "password" not in options:
        raise PropertyError(
            "sasl.jaas.config has no username and password",
            hint="Other ways to log in: librdkafka's settings, such as sasl.oauthbearer.config.",
        )
    return {"sasl.username": options["username"], "sasl.password": options["password"]}


def _trusted(given: Mapping[str, str]) -> dict[str, str]:
    location = given.get("ssl.truststore.location")
    if "ssl.truststore.certificates" in given:
        return {"ssl.ca.pem": given["ssl.truststore.certificates"]}
    if location is None:
        return {}
    if given.get("ssl.truststore.type", "JKS").upper() != "PEM":
        raise PropertyError(
            "ssl.truststore.location is a Java trust store, which Kafka's C client cannot read",
            hint="Export its certificates as PEM: ssl.ca.location, or ssl.truststore.type=PEM.",
        )
    return {"ssl.ca.location": location}


def _own_key(given: Mapping[str, str]) -> dict[str, str]:
    location = given.get("ssl.keystore.location")
    if location is None:
        return {}
    match given.get("ssl.keystore.type", "JKS").upper():
        case "PEM":
            return {"ssl.certificate.location": location, "ssl.key.location": location}
        case "PKCS12":
            password = given.get("ssl.keystore.password", "")
            return {"ssl.keystore.location": location, "ssl.keystore.password": password}
        case kind:
            raise PropertyError(
                f"ssl.keystore.location is a {kind} store, which Kafka's C client cannot read",
                hint="Convert it to PKCS12 or PEM and say so in ssl.keystore.type.",
            )
