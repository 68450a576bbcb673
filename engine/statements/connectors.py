"""Statements about connectors: there is no Kafka Connect here, and they say so.

ksqlDB answers the same to a server that reaches none: code 50000, not the statement's fault.
"""

from __future__ import annotations

from merganser.engine.statements.handlers import Session, handles
from merganser.errors import ExternalError
from merganser.parser import ast


def _refuse() -> ExternalError:
    return ExternalError(
        "no Kafka Connect cluster is configured",
        hint="Manage connectors with Kafka Connect's own REST API.",
        retryable=False,
    )


@handles(ast.ListConnectors)
def list_connectors(_statement: ast.ListConnectors, _session: Session) -> None:
    """SHOW CONNECTORS."""
    raise _refuse()


@handles(ast.ListConnectorPlugins)
def list_connector_plugins(_statement: ast.ListConnectorPlugins, _session: Session) -> None:
    """SHOW CONNECTOR PLUGINS."""
    raise _refuse()


@handles(ast.DescribeConnector)
def describe_connector(_statement: ast.DescribeConnector, _session: Session) -> None:
    """DESCRIBE CONNECTOR."""
    raise _refuse()


@handles(ast.CreateConnector)
def create_connector(_statement: ast.CreateConnector, _session: Session) -> None:
    """CREATE CONNECTOR."""
    raise _refuse()


@handles(ast.DropConnector)
def drop_connector(_statement: ast.DropConnector, _session: Session) -> None:
    """DROP CONNECTOR."""
    raise _refuse()


@handles(ast.AlterSystem)
def alter_system(_statement: ast.AlterSystem, _session: Session) -> None:
    """ALTER SYSTEM."""
    raise ExternalError(
        "properties of this server cannot be altered while it runs",
        hint="Set them where the server is configured, or with SET for a session.",
        retryable=False,
    )
