"""What a request has to pass before its route: the server's state and the Accept header."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from merganser.errors import StartingError, StoppingError
from merganser.server import media
from merganser.server.services import ServerState, Services, services_of


def ready_services(request: Request) -> Services:
    """The services, once the server can use them.

    Raises:
        StartingError, StoppingError: It cannot yet, or no longer.
    """
    services = services_of(request)
    match services.state:
        case ServerState.INITIALIZING:
            raise StartingError("the server is starting", hint="Ask again in some seconds.")
        case ServerState.TERMINATING:
            raise StoppingError("the server is shutting down")
        case ServerState.READY:
            return services


def classic_services(request: Request, services: Ready) -> Services:
    """The same for endpoints that answer JSON; a client that takes none gets a 404."""
    if media.negotiate(request.headers.get("accept"), media.CLASSIC_TYPES) is None:
        raise HTTPException(404)
    return services


Ready = Annotated[Services, Depends(ready_services)]
Classic = Annotated[Services, Depends(classic_services)]
