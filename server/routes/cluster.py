"""Endpoints between servers of one cluster. This server runs alone, so they tell that."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from merganser.engine.log.protocol import TopicPartition
from merganser.errors import InternalError, RequestError
from merganser.server import media
from merganser.server.bodies import read_body
from merganser.server.failures import error_response, generic_error, json_bytes
from merganser.server.gate import Classic
from merganser.server.wire import ServerMessage

router = APIRouter(tags=["cluster"])


HEARTBEAT = "ksql.heartbeat.enable"


@router.get("/clusterStatus", responses={404: {"description": "Heartbeats are not enabled"}})
async def cluster_status(services: Classic) -> Response:
    """The servers of the cluster: this one. Needs `ksql.heartbeat.enable`."""
    if services.engine.config.properties.get(HEARTBEAT, "").lower() != "true":
        return Response(status_code=404, media_type=media.JSON)
    stores = await services.run(services.engine.stores)
    now_ms = services.clock.now_ms()
    alone = {
        "hostAlive": True,
        "lastStatusUpdateMs": now_ms,
        "activeStandbyPerQuery": {
            query_id: {
                "activeStores": [_store(query_id)],
                "activePartitions": [
                    {"topic": place.topic, "partition": place.partition} for place in places
                ],
                "standByStores": [],
                "standByPartitions": [],
            }
            for query_id, places in stores.items()
        },
        "hostStoreLags": {
            "stateStoreLags": {
                f"{query_id}#{_store(query_id)}": _lag(places)
                for query_id, places in stores.items()
            },
            "updateTimeMs": now_ms if stores else 0,
        },
    }
    body = {"clusterStatus": {services.host: alone}}
    return Response(json_bytes(body), media_type=media.JSON)


def _store(query_id: str) -> str:
    """The name that Kafka Streams would give the store of a query."""
    return "KsqlTopic-Reduce" if query_id.startswith("CST_") else "Aggregate-Aggregate-Materialize"


def _lag(places: Mapping[TopicPartition, tuple[int, int]]) -> dict[str, object]:
    """How far a store is, by partition number; of several topics the one that is furthest back."""
    by_partition: dict[str, dict[str, int]] = {}
    for place, (position, end) in sorted(places.items()):
        lag = max(end - position, 0)
        known = by_partition.get(str(place.partition))
        if known is None or known["offsetLag"] < lag:
            by_partition[str(place.partition)] = {
                "currentOffsetPosition": position,
                "endOffsetPosition": end,
                "offsetLag": lag,
            }
    return {"lagByPartition": by_partition, "size": len(by_partition)}


@router.post("/heartbeat", include_in_schema=False)
@router.post("/lag", include_in_schema=False)
async def internal(request: Request, services: Classic) -> Response:
    """Messages of other servers."""
    if services.engine.config.properties.get(HEARTBEAT, "").lower() == "true":
        try:
            found = await read_body(request, ServerMessage)
            known = found.sender or found.host
        except RequestError:
            known = None
        if known is None:
            message = "this is no message of a server"
            return error_response(generic_error(InternalError.code, message), typed=False)
    message = "this endpoint is for the servers of a cluster, and heartbeats are not enabled"
    return error_response(generic_error(RequestError.code, message), typed=False)
