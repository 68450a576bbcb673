"""Which registry an engine uses where it is not given one."""

from __future__ import annotations

from collections.abc import Mapping

from merganser.engine.schema_registry.confluent import ConfluentSchemaRegistry
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaRegistry


def default_registry(properties: Mapping[str, str], *, embedded: bool) -> SchemaRegistry | None:
    """The registry that the properties name; without one, an embedded log gets its own.

    An empty address means that there is none.
    """
    url = properties.get("ksql.schema.registry.url")
    if url == "":
        return None
    if url:
        return ConfluentSchemaRegistry(properties)
    return MemorySchemaRegistry() if embedded else None
