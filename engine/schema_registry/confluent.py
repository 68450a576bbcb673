"""Confluent's schema registry, asked by confluent-kafka's client.

Ids never change their schema, so what was asked once is kept. Answers of subjects are not kept:
others register there as well.
Source: the registry's REST API, /subjects and /schemas.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from merganser.engine.schema_registry.client_settings import client_settings
from merganser.engine.schema_registry.protocol import (
    MissingRegistryError,
    RegisteredSchema,
    SchemaKind,
)
from merganser.errors import PropertyError, RegistryError, UserError

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema

_CONFLICT = 409
_UNPROCESSABLE = 422
_NOT_FOUND = 404
_NO_SUCH = {40401, 40402, 40403}
"""Of subjects, versions and schemas. What stands in for a registry that is not there yet, a proxy
or the server that it starts in, has a 404 of its own; no record may be left out for that."""

_SERVER_ERROR = 500
_TOO_MANY = 429

MISSING_KEPT_S = 5.0
"""So long an id that the registry does not have is not asked for again: a topic of broken records
would ask for each. A record may only name an id that was registered before it was written."""

T = TypeVar("T")


class ConfluentSchemaRegistry:
    """The registry at one of some addresses, tried in order.

    Args:
        properties: Those of the server; `ksql.schema.registry.url` is the addresses.

    Raises:
        MissingRegistryError: The client's libraries are not installed.
        PropertyError: A setting is wrong.
    """

    def __init__(self, properties: Mapping[str, str]) -> None:
        settings = client_settings(properties)
        try:
            # Only here: it takes half a second, and libraries that not everybody has.
            from confluent_kafka import schema_registry  # noqa: PLC0415
        except ImportError as error:
            raise MissingRegistryError(
                f"the schema registry's client lacks {error.name}",
                hint="Install merganser[registry].",
            ) from error
        self._module = schema_registry
        self._failures = _transport_failures()
        try:
            self._client = schema_registry.SchemaRegistryClient(settings)
        except (ValueError, TypeError, OSError) as error:
            raise PropertyError(f"the schema registry's settings are wrong: {error}") from error
        self._known: dict[int, RegisteredSchema] = {}
        self._missing: dict[int, float] = {}

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """Adds a version to the subject; one that is there already keeps its id."""
        schema = self._module.Schema(text, kind.value)
        schema_id = self._ask(lambda: self._client.register_schema(subject, schema), subject)
        assert schema_id is not None, "a registry that knows no subjects"
        self._missing.pop(schema_id, None)
        return RegisteredSchema(schema_id, kind, text)

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The newest version of a subject, or None."""
        self._client.clear_latest_caches()  # type: ignore[no-untyped-call]  # the library's
        found = self._ask(lambda: self._client.get_latest_version(subject))
        if found is None or found.schema_id is None:
            return None
        return self._schema(found.schema_id, found.schema)

    def by_id(self, schema_id: int) -> RegisteredSchema | None:
        """The schema of that id, or None."""
        if schema_id in self._known:
            return self._known[schema_id]
        now = time.monotonic()
        if now < self._missing.get(schema_id, now):
            return None
        found = self._ask(lambda: self._client.get_schema(schema_id))
        if found is None:
            self._missing = {i: until for i, until in self._missing.items() if until > now}
            self._missing[schema_id] = now + MISSING_KEPT_S
            return None
        schema = self._known[schema_id] = self._schema(schema_id, found)
        return schema

    def _schema(self, schema_id: int, found: Schema) -> RegisteredSchema:
        texts: dict[str, str] = {}
        self._collect(found, texts)
        kind = SchemaKind(found.schema_type or "AVRO")
        return RegisteredSchema(schema_id, kind, found.schema_str or "", texts)

    def _collect(self, schema: Schema, texts: dict[str, str]) -> None:
        """Adds the texts of all references, and of theirs."""
        for reference in schema.references or []:
            name, subject, version = reference.name, reference.subject, reference.version
            if name is None or name in texts:
                continue
            found = self._ask(lambda s=subject, v=version: self._client.get_version(s, v))  # type: ignore[misc]  # bound early
            if found is None:
                raise RegistryError(
                    f"the registry has no version {version} of subject {subject}", retryable=False
                )
            texts[name] = found.schema.schema_str or ""
            self._collect(found.schema, texts)

    def _ask(self, ask: Callable[[], T], subject: str | None = None) -> T | None:
        """What the registry answers; None if it has no such thing.

        Raises:
            UserError: It does not take the schema for `subject`.
            RegistryError: It does not answer, or with an error.
        """
        try:
            return ask()
        except self._module.SchemaRegistryError as error:
            status = error.http_status_code
            if status == _NOT_FOUND and subject is None and error.error_code in _NO_SUCH:
                return None
            if subject is not None and status in (_CONFLICT, _UNPROCESSABLE):
                raise UserError(
                    f"the schema registry does not take the schema for subject {subject}",
                    detail=str(error.error_message),
                ) from error
            raise RegistryError(
                f"the schema registry answers {status}: {error.error_message}",
                retryable=status >= _SERVER_ERROR or status in (_TOO_MANY, _NOT_FOUND),
            ) from error
        except self._failures as error:
            raise RegistryError(
                f"the schema registry does not answer: {error}", retryable=True
            ) from error


def _transport_failures() -> tuple[type[Exception], ...]:
    """What the client raises when no answer comes. Its HTTP library is one of two."""
    from confluent_kafka.schema_registry.error import OAuthTokenError  # noqa: PLC0415 — as above.

    libraries = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return (OSError, OAuthTokenError, *(library.HTTPError for library in libraries))
