"""Request bodies of the REST API. Imports nothing of ours but the errors.

Bodies are read by hand rather than by FastAPI: the API takes any content type, a body that is no
JSON has its own error code, and a scalar where text is expected counts as its text.
Source: parity/rest-api.md, request objects.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from merganser.errors import RequestError

API_VERSION = "8.3.1"
"""The ksqlDB version whose API is spoken; clients read it from `/info` and check it."""

Model = TypeVar("Model", bound=BaseModel)


def _text(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return value


def _mapping(value: object) -> object:
    return {} if value is None else value


Text = Annotated[str, BeforeValidator(_text)]
PropertyMap = Annotated[dict[str, Any], BeforeValidator(_mapping)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class KsqlRequest(_Request):
    """The body of `/ksql` and `/query`."""

    ksql: Text = Field("", description="Statements, each ending in `;`")
    streams_properties: PropertyMap = Field(
        default_factory=dict,
        alias="streamsProperties",
        description="Properties for this request, as SET would give them",
    )
    session_variables: PropertyMap = Field(
        default_factory=dict,
        alias="sessionVariables",
        description="Variables for `${name}`, as DEFINE would give them",
    )
    command_sequence_number: int | None = Field(
        None,
        alias="commandSequenceNumber",
        description="Waits until the statement that was answered with this number has run",
    )
    request_properties: PropertyMap = Field(default_factory=dict, alias="requestProperties")


class QueryStreamRequest(_Request):
    """The body of `/query-stream` and `/sql`."""

    sql: Text = Field(description="One SELECT or PRINT, ending in `;`")
    parameters: list[Any] | dict[str, Any] | None = Field(
        None, description="Values for `?` and `$1`, or by name for `$name`; only DuckDB's SQL"
    )
    properties: PropertyMap = Field(default_factory=dict)
    session_variables: PropertyMap = Field(default_factory=dict, alias="sessionVariables")
    request_properties: PropertyMap = Field(default_factory=dict, alias="requestProperties")


class InsertsRequest(_Request):
    """The first line of `/inserts-stream`."""

    target: str = Field(description="Name of a stream or table")
    properties: PropertyMap = Field(default_factory=dict)


class TerminateRequest(_Request):
    """The body of `/ksql/terminate`."""

    delete_topics: list[str] = Field(
        default_factory=list,
        alias="deleteTopicList",
        description="Regular expressions: of the topics that queries made, those whose whole name "
        "matches one are deleted",
    )
    streams_properties: PropertyMap = Field(default_factory=dict, alias="streamsProperties")


class ServerMessage(_Request):
    """The body of `/heartbeat` and `/lag`: who sends it."""

    sender: dict[str, Any] | None = Field(None, alias="hostInfo")
    host: dict[str, Any] | None = Field(None, alias="ksqlHost")


class CloseQueryRequest(_Request):
    """The body of `/close-query`."""

    query_id: str = Field(alias="queryId", description="The id from the header of a push query")


def parse_body(model: type[Model], body: bytes) -> Model:
    """A request body as its model.

    Raises:
        RequestError: No JSON object, or a member is missing or of a wrong type.
    """
    if not body.strip():
        raise RequestError("the request has no body", hint="Send a JSON object.")
    try:
        found = json.loads(body)
        if not isinstance(found, dict):
            raise RequestError("the request body is no JSON object")
        return model.model_validate(found)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError("the request body is no JSON", detail=f"{error}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RequestError(
            f"the request body does not fit: {place + ': ' if place else ''}{first['msg'].lower()}"
        ) from error


def statements_of(body: BaseModel) -> str:
    """The SQL text in a request; empty if it has none."""
    match body:
        case KsqlRequest():
            return body.ksql
        case QueryStreamRequest():
            return body.sql
        case _:
            return ""


def variables_of(values: dict[str, Any]) -> dict[str, str]:
    """Session variables as text: other JSON values count as their JSON text."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
