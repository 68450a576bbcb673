"""Bodies that the REST API answers, where their members are fixed.

Source: parity/rest-api.md, endpoint list and errors; the order of members is the recorded one.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Info(BaseModel):
    """Version, ids and status."""

    version: str = Field(description="The ksqlDB version whose API is spoken")
    cluster_id: str = Field(serialization_alias="kafkaClusterId")
    service_id: str = Field(serialization_alias="ksqlServiceId")
    status: Literal["RUNNING", "ERROR", "DEGRADED"] = Field(serialization_alias="serverStatus")


class ServerInfo(BaseModel):
    """The answer of `/info`."""

    info: Info = Field(serialization_alias="KsqlServerInfo")


class HealthProblem(BaseModel):
    """A part that is not well: `server`, `log`, or a query."""

    part: str
    state: str
    reason: str


class HealthReport(BaseModel):
    """The answer of `/health`."""

    healthy: bool
    server_state: str = Field(serialization_alias="serverState")
    problems: list[HealthProblem]


class ComponentHealth(BaseModel):
    """Health of one part."""

    is_healthy: bool = Field(serialization_alias="isHealthy")


class HealthDetails(BaseModel):
    """Health of each part."""

    metastore: ComponentHealth
    kafka: ComponentHealth
    command_runner: ComponentHealth = Field(serialization_alias="commandRunner")


class Health(BaseModel):
    """The answer of `/healthcheck`."""

    is_healthy: bool = Field(serialization_alias="isHealthy")
    details: HealthDetails
    server_state: str = Field(serialization_alias="serverState")


class ClusterScope(BaseModel):
    """What a cluster id is made of."""

    path: list[str]
    clusters: dict[str, str]


class ClusterId(BaseModel):
    """The answer of `/v1/metadata/id`."""

    scope: ClusterScope
    id: str


class Metadata(BaseModel):
    """The answer of `/v1/metadata`."""

    version: str
    cluster_id: ClusterId = Field(serialization_alias="clusterId")


class CommandStatuses(BaseModel):
    """The answer of `/status`."""

    statuses: dict[str, str] = Field(serialization_alias="commandStatuses")


class CommandStatusAnswer(BaseModel):
    """The answer of `/status/{type}/{entity}/{action}`."""

    status: str
    message: str
    query_id: str | None = Field(serialization_alias="queryId")


class ErrorBody(BaseModel):
    """What a failed request answers; the last two members only in statement errors."""

    type: Literal["generic_error", "statement_error"] = Field(serialization_alias="@type")
    error_code: int = Field(description="100 times the HTTP status, and a number")
    message: str
    statement_text: str | None = Field(None, serialization_alias="statementText")
    entities: list[dict[str, Any]] | None = Field(
        None, description="Answers of the statements before the failed one"
    )


class Entity(BaseModel):
    """The answer to one statement; more members follow from `@type`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(serialization_alias="@type")
    statement_text: str = Field(serialization_alias="statementText")
    warnings: list[dict[str, str]]
