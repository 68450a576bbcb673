"""Confluent's schema registry over HTTP.

Ids never change their schema, so what was asked once is kept. Answers of subjects are not kept:
others register there as well.
Source: the registry's REST API, /subjects and /schemas.
"""

from __future__ import annotations

import threading
from typing import cast
from urllib.parse import quote

import httpx

from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaKind
from merganser.errors import RegistryError, UserError

TIMEOUT_S = 10.0  # A registry answers in milliseconds; past this it is away.
_CONFLICT = 409
_UNPROCESSABLE = 422
_NOT_FOUND = 404
_JSON = "application/vnd.schemaregistry.v1+json"


class ConfluentSchemaRegistry:
    """The registry at one of some addresses, tried in order.

    Args:
        urls: Comma-separated, as `ksql.schema.registry.url` has them.
        user: `name:password` for basic authentication, or nothing.
        transport: What carries the requests; tests give their own.
    """

    def __init__(
        self, urls: str, *, user: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._urls = [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]
        name, _, password = (user or "").partition(":")
        self._client = httpx.Client(
            timeout=TIMEOUT_S, auth=(name, password) if user else None, transport=transport
        )
        self._known: dict[int, RegisteredSchema] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """Adds a version to the subject; one that is there already keeps its id."""
        answer = self._ask(
            "POST",
            f"/subjects/{quote(subject, safe='')}/versions",
            {"schema": text, "schemaType": kind.value},
        )
        if answer.status_code in (_CONFLICT, _UNPROCESSABLE):
            raise UserError(
                f"the schema registry does not take the schema for subject {subject}",
                detail=_message(answer),
            )
        return RegisteredSchema(cast("int", self._body(answer)["id"]), kind, text)

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The newest version of a subject, or None."""
        answer = self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions/latest")
        if answer.status_code == _NOT_FOUND:
            return None
        body = self._body(answer)
        return self._schema(cast("int", body["id"]), body)

    def by_id(self, schema_id: int) -> RegisteredSchema | None:
        """The schema of that id, or None."""
        with self._lock:
            if schema_id in self._known:
                return self._known[schema_id]
        answer = self._ask("GET", f"/schemas/ids/{schema_id}")
        if answer.status_code == _NOT_FOUND:
            return None
        schema = self._schema(schema_id, self._body(answer))
        with self._lock:
            self._known[schema_id] = schema
        return schema

    def _schema(self, schema_id: int, body: dict[str, object]) -> RegisteredSchema:
        texts: dict[str, str] = {}
        self._collect(body, texts)
        kind = SchemaKind(str(body.get("schemaType", "AVRO")))
        return RegisteredSchema(schema_id, kind, str(body["schema"]), texts)

    def _collect(self, body: dict[str, object], texts: dict[str, str]) -> None:
        """Adds the texts of all references, and of theirs."""
        for reference in cast("list[dict[str, object]]", body.get("references") or []):
            name = str(reference["name"])
            if name in texts:
                continue
            subject = quote(str(reference["subject"]), safe="")
            found = self._body(
                self._ask("GET", f"/subjects/{subject}/versions/{reference['version']}")
            )
            texts[name] = str(found["schema"])
            self._collect(found, texts)

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        error: httpx.HTTPError | None = None
        for url in self._urls:
            try:
                return self._client.request(
                    method, url + path, json=body, headers={"Accept": _JSON}
                )
            except httpx.HTTPError as failure:
                error = failure
        raise RegistryError(
            f"the schema registry does not answer: {error}", retryable=True
        ) from error

    def _body(self, answer: httpx.Response) -> dict[str, object]:
        if answer.is_error:
            raise RegistryError(
                f"the schema registry answers {answer.status_code}: {_message(answer)}",
                retryable=answer.is_server_error,
            )
        return cast("dict[str, object]", answer.json())


def _message(answer: httpx.Response) -> str:
    """What the registry says is wrong."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
