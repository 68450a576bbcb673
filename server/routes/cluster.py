"""Endpoints between servers of one cluster. This server runs alone, so they tell that."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from merganser.errors import RequestError
from merganser.server import media
from merganser.server.failures import error_response, generic_error, json_bytes
from merganser.server.gate import Classic

router = APIRouter(tags=["cluster"])


HEARTBEAT = "ksql.heartbeat.enable"


@router.get("/clusterStatus", responses={404: {"description": "Heartbeats are not enabled"}})
async def cluster_status(services: Classic) -> Response:
    """The servers of the cluster: this one. Needs `ksql.heartbeat.enable`."""
    if services.engine.config.properties.get(HEARTBEAT, "").lower() != "true":
        return Response(status_code=404, media_type=media.JSON)
    alone = {
        "hostAlive": True,
        "lastStatusUpdateMs": services.clock.now_ms(),
        "activeStandbyPerQuery": {},
        "hostStoreLags": {"stateStoreLags": {}, "updateTimeMs": 0},
    }
    body = {"clusterStatus": {services.host: alone}}
    return Response(json_bytes(body), media_type=media.JSON)


@router.post("/heartbeat", include_in_schema=False)
@router.post("/lag", include_in_schema=False)
async def internal(_services: Classic) -> Response:
    """Messages of other servers."""
    message = "this endpoint is for the servers of a cluster, and heartbeats are not enabled"
    return error_response(generic_error(RequestError.code, message), typed=False)
