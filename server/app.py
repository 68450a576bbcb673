"""The web application over an engine: `create_app(engine)`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

import merganser
from merganser.errors import MerganserError, StartingError, StoppingError
from merganser.server.access import AccessMiddleware, AccessRules
from merganser.server.cors import CorsMiddleware, CorsRules
from merganser.server.failures import error_response, generic_error, not_found
from merganser.server.limits import LimitMiddleware
from merganser.server.meters import MeterMiddleware
from merganser.server.paths import PathMiddleware
from merganser.server.routes import (
    cluster,
    commands,
    info,
    inserts,
    metrics,
    query,
    sockets,
    statements,
)
from merganser.server.services import Services, StatementEngine
from merganser.server.tracing import TraceMiddleware, tracer

logger = structlog.get_logger(__name__)

_ROUTERS = (info, statements, query, inserts, sockets, commands, cluster, metrics)


def create_app(engine: StatementEngine, *, host: str = "localhost:8088") -> FastAPI:
    """The application. It starts the engine when it is served and closes it at the end.

    `host` is `host:port` as clients know the server.

    Raises:
        PropertyError: It is said wrongly who may use it.
    """
    app = FastAPI(
        title="Merganser",
        summary="Streaming SQL on Kafka: ksqlDB's REST API",
        version=merganser.__version__,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.services = Services(engine, host)
    for module in _ROUTERS:
        app.include_router(module.router)
    app.add_middleware(LimitMiddleware, limits=app.state.services.limits)
    if (access := AccessRules.of(engine.config.properties)) is not None:
        app.add_middleware(AccessMiddleware, rules=access)
    app.add_middleware(PathMiddleware)
    app.add_middleware(MeterMiddleware, meters=app.state.services.meters)
    if (found := tracer()) is not None:
        app.add_middleware(TraceMiddleware, tracer=found)
    if (rules := CorsRules.of(engine.config.properties)) is not None:
        app.add_middleware(CorsMiddleware, rules=rules)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(MerganserError, _known_error)
    app.add_exception_handler(Exception, _unknown_error)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Requests are taken while the engine still starts, and refused with a code that says so."""
    services: Services = app.state.services
    starter = threading.Thread(target=services.start, name="engine-start", daemon=True)
    starter.start()
    yield
    await asyncio.to_thread(starter.join)
    await asyncio.to_thread(services.close)


def _http_error(_request: Request, _error: Exception) -> Response:
    """KsqlDB answers unknown paths and wrong methods alike."""
    return not_found()


def _known_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, MerganserError)
    # A server that is not ready has not come as far as to say what it sends.
    typed = not isinstance(error, StartingError | StoppingError)
    return error_response(generic_error(error.code, str(error)), typed=typed)


def _unknown_error(request: Request, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # Nobody is there to be told.
    logger.error("request failed", path=request.url.path, exc_info=error)
    return error_response(generic_error(50000, f"{type(error).__name__}: {error}"), typed=False)
