"""Pieces of the API description for routes that read and write their bodies by hand."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from merganser.server.wire_answers import ErrorBody

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "The request or a statement is wrong"},
    413: {"model": ErrorBody, "description": "The request or a statement is too long"},
    429: {"model": ErrorBody, "description": "Too many requests, or pull queries, a second"},
    500: {"model": ErrorBody, "description": "A property that nobody knows, or a failure"},
    503: {"model": ErrorBody, "description": "The server cannot answer now"},
}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The request body of a route, for `openapi_extra`. Any content type is taken."""
    schema = model.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def text_of(media_type: str, description: str) -> dict[str, Any]:
    """A streamed response body that has no single schema."""
    return {media_type: {"schema": {"type": "string", "description": description}}}
