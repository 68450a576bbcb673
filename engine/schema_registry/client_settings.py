"""The registry client's settings, from properties named as ksqlDB's Java client has them.

`ksql.schema.registry.` stands in front of all of them. The Python client's own names are taken too.
Stores of keys and certificates have to be PEM files; Java's own form is not read.
"""

from __future__ import annotations

from collections.abc import Mapping

from merganser.errors import PropertyError

PREFIX = "ksql.schema.registry."
TIMEOUT_S = 10.0  # A registry answers in milliseconds; past this it is away.

_JAVA_NAMES = {
    "ssl.truststore.location": "ssl.ca.location",
    "ssl.keystore.location": "ssl.certificate.location",
    "ssl.keystore.password": "ssl.key.password",
    "bearer.auth.issuer.endpoint.url": "bearer.auth.issuer.endpoint.url",
}
_OWN_NAMES = frozenset(
    {
        "url", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location",
        "ssl.key.password", "basic.auth.user.info", "proxy",
    }
)  # fmt: skip
_BEARER = "bearer.auth."
_NUMBERS = frozenset({"timeout", "max.retries", "retries.wait.ms", "retries.max.wait.ms"})
_STORE_TYPES = ("ssl.truststore.type", "ssl.keystore.type")
_IGNORED = frozenset({"basic.auth.credentials.source", "ssl.truststore.password", "ssl.protocol"})


def client_settings(properties: Mapping[str, str]) -> dict[str, object]:
    """What confluent-kafka's registry client is configured with.

    A request is not repeated by the client unless `max.retries` says so: the query that needs it
    waits and asks again, for as long as it takes.

    Raises:
        PropertyError: A setting is unknown, or not for PEM files.
    """
    found: dict[str, object] = {"timeout": TIMEOUT_S, "max.retries": 0}
    for full, value in properties.items():
        if not full.startswith(PREFIX):
            continue
        name = full.removeprefix(PREFIX)
        if name in _STORE_TYPES:
            _check_store(full, value)
        elif name in _NUMBERS:
            found[name] = _number(full, value)
        elif name in _OWN_NAMES or name.startswith(_BEARER):
            found[name] = value
        elif name in _JAVA_NAMES:
            _check_store(full, "JKS" if value.endswith((".jks", ".p12")) else "PEM")
            found.setdefault(_JAVA_NAMES[name], value)
        elif name not in _IGNORED:
            raise PropertyError(f'property "{full}" does not exist')
    if found.get("basic.auth.user.info") == "":
        del found["basic.auth.user.info"]
    return found


def _check_store(name: str, kind: str) -> None:
    if kind.upper() != "PEM":
        raise PropertyError(
            f"{name}: a store of keys or certificates has to be a PEM file, found {kind}",
            hint="`keytool -exportcert -rfc` and `openssl pkcs12` turn Java's stores into PEM.",
        )


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise PropertyError(f'{name} is "{value}", but must be a number') from None
