"""The client of Confluent's registry, against answers in its form."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from merganser.engine.schema_registry.confluent import ConfluentSchemaRegistry
from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaKind
from merganser.errors import RegistryError, UserError

Answer = Callable[[httpx.Request], httpx.Response]


def registry(answer: Answer, urls: str = "http://sr:8081") -> ConfluentSchemaRegistry:
    return ConfluentSchemaRegistry(urls, user="me:secret", transport=httpx.MockTransport(answer))


def test_registering_sends_text_and_kind() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": 7})

    found = registry(answer).register("a/b-value", SchemaKind.JSON, "{}")
    assert found == RegisteredSchema(7, SchemaKind.JSON, "{}")
    assert seen[0].url.raw_path == b"/subjects/a%2Fb-value/versions"
    assert json.loads(seen[0].content) == {"schema": "{}", "schemaType": "JSON"}
    assert seen[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("status", [409, 422])
def test_a_schema_that_is_refused_is_the_users_matter(status: int) -> None:
    client = registry(lambda _: httpx.Response(status, json={"message": "incompatible"}))
    with pytest.raises(UserError) as caught:
        client.register("s", SchemaKind.AVRO, '"int"')
    assert caught.value.detail == "incompatible"


def test_a_missing_subject_is_none() -> None:
    client = registry(lambda _: httpx.Response(404, json={"message": "not found"}))
    assert client.latest("s") is None
    assert client.by_id(5) is None


def test_an_id_is_asked_once_and_its_references_are_followed() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/schemas/ids/3":
            reference = {"name": "e.proto", "subject": "e", "version": 2}
            return httpx.Response(
                200, json={"schema": "A", "schemaType": "PROTOBUF", "references": [reference]}
            )
        return httpx.Response(200, json={"schema": "B", "schemaType": "PROTOBUF"})

    client = registry(answer)
    expected = RegisteredSchema(3, SchemaKind.PROTOBUF, "A", {"e.proto": "B"})
    assert client.by_id(3) == expected
    assert client.by_id(3) == expected
    assert asked == ["/schemas/ids/3", "/subjects/e/versions/2"]


def test_the_next_address_is_tried() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "down":
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json={"id": 1, "schema": '"int"'})

    found = registry(answer, "http://down:1, http://up:2/").latest("s")
    assert found == RegisteredSchema(1, SchemaKind.AVRO, '"int"')


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (401, False)])
def test_other_answers_are_the_registrys_matter(status: int, retryable: bool) -> None:
    client = registry(lambda _: httpx.Response(status, text="no"))
    with pytest.raises(RegistryError) as caught:
        client.latest("s")
    assert caught.value.retryable is retryable
