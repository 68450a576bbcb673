"""What became of statements, and which properties may be set."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from merganser.errors import RequestError
from merganser.server.failures import error_response, generic_error
from merganser.server.gate import Classic
from merganser.server.openapi import ERRORS
from merganser.server.wire_answers import CommandStatusAnswer, CommandStatuses, ErrorBody

router = APIRouter(tags=["information"])

COMMAND_TYPES = frozenset(
    {"topic", "stream", "table", "type", "terminate", "pause", "resume", "cluster"}
)
COMMAND_ACTIONS = frozenset({"create", "drop", "execute", "alter", "terminate"})


@router.get("/status")
async def statuses(services: Classic) -> CommandStatuses:
    """The status of every statement that changed something, by its command id."""
    found = await services.run(services.engine.command_statuses)
    return CommandStatuses(statuses={command: entry.status for command, entry in found.items()})


@router.get(
    "/status/{kind}/{entity}/{action}",
    response_model=CommandStatusAnswer,
    responses={
        500: {"model": ErrorBody, "description": "There are no such types or actions"},
        404: {"model": ErrorBody, "description": "There is no such command"},
    },
)
async def status(
    kind: Annotated[str, Path(description="`stream`, `table`, `type`, …")],
    entity: Annotated[str, Path(description="Exactly as in the command id, back-quotes too")],
    action: Annotated[str, Path(description="`create`, `drop`, `alter`, `execute`")],
    services: Classic,
) -> CommandStatusAnswer | Response:
    """The status of one command."""
    if kind not in COMMAND_TYPES or action not in COMMAND_ACTIONS:
        message = f'there are no commands of type "{kind}" with action "{action}"'
        return error_response(generic_error(50000, message), typed=False)
    found = await services.run(services.engine.command_statuses)
    entry = found.get(f"{kind}/{entity}/{action}")
    if entry is None:
        message = f'there is no command "{kind}/{entity}/{action}"'
        return error_response(generic_error(40400, message))
    return CommandStatusAnswer(status=entry.status, message=entry.message, query_id=entry.query_id)


@router.get("/is_valid_property/{name}", response_model=bool, responses=ERRORS)
async def is_valid_property(name: str, services: Classic) -> bool | Response:
    """Whether clients may set a property. Names that mean nothing here may be set, too."""
    try:
        await services.run(lambda: services.engine.check_property(name))
    except RequestError as error:
        return error_response(generic_error(error.code, str(error)))
    return True
