"""What the server is and how it does: `/`, `/info`, `/healthcheck`, `/v1/metadata`, probes."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from merganser.server import media
from merganser.server.gate import Classic, Ready
from merganser.server.services import ServerState, Services, services_of
from merganser.server.wire import API_VERSION
from merganser.server.wire_answers import (
    ClusterId,
    ClusterScope,
    ComponentHealth,
    Health,
    HealthDetails,
    HealthProblem,
    HealthReport,
    Info,
    Metadata,
    ServerInfo,
)

router = APIRouter(tags=["information"])


@router.get("/", include_in_schema=False)
async def root() -> Response:
    """Sends browsers to what there is to see."""
    return RedirectResponse("/info", status_code=307)


@router.get("/info")
async def info(services: Classic) -> ServerInfo:
    """Version, ids and status of the server.

    `version` is the ksqlDB version whose API is spoken: clients check it.
    """
    health = await services.run(services.engine.health)
    return ServerInfo(
        info=Info(
            version=API_VERSION,
            cluster_id=services.engine.cluster_id,
            service_id=services.engine.config.service_id,
            status="RUNNING" if health.get("commandRunner", True) else "ERROR",
        )
    )


@router.get("/healthcheck")
async def healthcheck(services: Classic) -> Health:
    """Health of the parts. The status is 200 even if a part is not well: read `isHealthy`."""
    health = await services.run(services.engine.health)

    def part(name: str) -> ComponentHealth:
        return ComponentHealth(is_healthy=health.get(name, True))

    return Health(
        is_healthy=all(health.values()),
        details=HealthDetails(
            metastore=part("metastore"), kafka=part("kafka"), command_runner=part("commandRunner")
        ),
        server_state=services.state.value,
    )


@router.get(
    "/health",
    response_model=HealthReport,
    responses={503: {"model": HealthReport, "description": "Something is not well"}},
)
async def health(request: Request) -> Response:
    """Whether all is well, and if not, what and why. Not part of ksqlDB's API."""
    services = services_of(request)
    problems: list[HealthProblem] = []
    if services.state is not ServerState.READY:
        reason = str(services.failure or f"the server is {services.state.value.lower()}")
        problems.append(HealthProblem(part="server", state=services.state.value, reason=reason))
    else:
        found = await services.run(services.engine.problems)
        problems = [HealthProblem(part=p.part, state=p.state, reason=p.reason) for p in found]
    report = HealthReport(
        healthy=not problems, server_state=services.state.value, problems=problems
    )
    return Response(
        report.model_dump_json(by_alias=True),
        status_code=503 if problems else 200,
        media_type=media.JSON,
    )


@router.get("/v1/metadata")
async def metadata(services: Classic) -> Metadata:
    """Version and ids, for tools that manage clusters."""
    return Metadata(version=API_VERSION, cluster_id=_cluster_id(services))


@router.get("/v1/metadata/id")
async def metadata_id(services: Ready) -> ClusterId:
    """The ids alone."""
    return _cluster_id(services)


def _cluster_id(services: Services) -> ClusterId:
    engine = services.engine
    clusters = {"kafka-cluster": engine.cluster_id, "ksql-cluster": engine.config.service_id}
    return ClusterId(scope=ClusterScope(path=[], clusters=clusters), id="")


@router.get("/chc/live")
async def live() -> dict[str, str]:
    """Answers as soon as the process serves requests."""
    return {}


@router.get("/chc/ready")
async def ready() -> dict[str, str]:
    """The same, under the other name that load balancers ask for; see `/healthcheck` for more."""
    return {}
