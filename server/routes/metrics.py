"""`GET /metrics`: counters in Prometheus' text form."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from merganser.server import media
from merganser.server.gate import Ready
from merganser.server.measure import registry_of
from merganser.server.openapi import text_of

router = APIRouter(tags=["information"])

_TYPES = (CONTENT_TYPE_LATEST.partition(";")[0], "application/openmetrics-text")


@router.get(
    "/metrics",
    responses={
        200: {
            "description": "Counters and gauges",
            "content": text_of("text/plain", "Prometheus text format"),
        }
    },
)
async def metrics(request: Request, services: Ready) -> Response:
    """Records and bytes in and out, lag, epoch time, late rows and record errors per query."""
    if media.negotiate(request.headers.get("accept"), _TYPES) is None:
        raise HTTPException(404)
    text = await services.run(lambda: generate_latest(registry_of(services)))
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})
