"""Statements about connectors: there is no Kafka Connect here, and they say so.

ksqlDB answers the same to a server that reaches none: code 50000, not the statement's fault.
"""

from __future__ import annotations

from merganser.engine.statements.handlers import Session, handles
from merganser.errors import ExternalError
from merganser.parser import ast


def _refuse(_statement: ast.Statement, _session: Session) -> None:
    raise ExternalError(
        "no Kafka Connect cluster is configured",
        hint="Manage connectors with Kafka Connect's own REST API.",
        retryable=False,
    )


for _about_connectors in (
    ast.ListConnectors,
    ast.ListConnectorPlugins,
    ast.DescribeConnector,
    ast.CreateConnector,
    ast.DropConnector,
):
    handles(_about_connectors)(_refuse)


@handles(ast.AlterSystem)
def alter_system(_statement: ast.AlterSystem, _session: Session) -> None:
    """ALTER SYSTEM."""
    raise ExternalError(
        "properties of this server cannot be altered while it runs",
        hint="Set them where the server is configured, or with SET for a session.",
        retryable=False,
    )
