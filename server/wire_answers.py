"""Bodies that the REST API answers, where their members are fixed.

Source: parity/rest-api.md, endpoint list and errors; the order of members is the recorded one.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class Info(_Answer):
    """Version, ids and status."""

    version: str = Field(description="The ksqlDB version whose API is spoken")
    cluster_id: str = Field(alias="kafkaClusterId")
    service_id: str = Field(alias="ksqlServiceId")
    status: Literal["RUNNING", "ERROR", "DEGRADED"] = Field(alias="serverStatus")


class ServerInfo(_Answer):
    """The answer of `/info`."""

    info: Info = Field(alias="KsqlServerInfo")


class ComponentHealth(_Answer):
    """Health of one part."""

    is_healthy: bool = Field(alias="isHealthy")


class HealthDetails(_Answer):
    """Health of each part."""

    metastore: ComponentHealth
    kafka: ComponentHealth
    command_runner: ComponentHealth = Field(alias="commandRunner")


class Health(_Answer):
    """The answer of `/healthcheck`."""

    is_healthy: bool = Field(alias="isHealthy")
    details: HealthDetails
    server_state: str = Field(alias="serverState")


class ClusterScope(_Answer):
    """What a cluster id is made of."""

    path: list[str]
    clusters: dict[str, str]


class ClusterId(_Answer):
    """The answer of `/v1/metadata/id`."""

    scope: ClusterScope
    id: str


class Metadata(_Answer):
    """The answer of `/v1/metadata`."""

    version: str
    cluster_id: ClusterId = Field(alias="clusterId")


class CommandStatuses(_Answer):
    """The answer of `/status`."""

    statuses: dict[str, str] = Field(alias="commandStatuses")


class CommandStatusAnswer(_Answer):
    """The answer of `/status/{type}/{entity}/{action}`."""

    status: str
    message: str
    query_id: str | None = Field(alias="queryId")


class ErrorBody(_Answer):
    """What a failed request answers; the last two members only in statement errors."""

    type: Literal["generic_error", "statement_error"] = Field(alias="@type")
    error_code: int = Field(description="100 times the HTTP status, and a number")
    message: str
    statement_text: str | None = Field(None, alias="statementText")
    entities: list[dict[str, Any]] | None = Field(
        None, description="Answers of the statements before the failed one"
    )


class Entity(BaseModel):
    """The answer to one statement; more members follow from `@type`."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    type: str = Field(alias="@type")
    statement_text: str = Field(alias="statementText")
    warnings: list[dict[str, str]]
