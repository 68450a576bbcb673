"""What the engine asks of a schema registry.

A schema is registered under a subject (`<topic>-key`, `<topic>-value`) and known by its id, which
stands in front of every record written with it.
Source: parity/semantics.md, registry inference; Confluent's wire format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from merganser.errors import UserError


class SchemaKind(StrEnum):
    """The languages of schemas, as registries name them."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema with its id.

    Attributes:
        text: The schema as registered.
        references: Texts of the schemas it refers to, theirs included, by the name used there.
    """

    schema_id: int
    kind: SchemaKind
    text: str
    references: Mapping[str, str] = field(default_factory=dict)


class MissingRegistryError(UserError):
    """A format needs a schema registry and the server has none."""

    code = 42801


class SchemaRegistry(Protocol):
    """Where schemas are kept. Implementations may be used from several threads."""

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """Adds a version to the subject; one that is there already keeps its id.

        Raises:
            UserError: It is not compatible with the subject's versions, or is no schema.
            RegistryError: The registry does not answer.
        """
        ...

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The newest version of a subject, or None.

        Raises:
            RegistryError: The registry does not answer.
        """
        ...

    def by_id(self, schema_id: int) -> RegisteredSchema | None:
        """The schema of that id, or None.

        Raises:
            RegistryError: The registry does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class SchemaBinding:
    """Where the schemas of one topic's keys or values are.

    Attributes:
        schema: What to write with; None: what the columns give, registered when first written.
    """

    registry: SchemaRegistry
    subject: str
    schema: RegisteredSchema | None = None


def subject_of(topic: str, *, is_key: bool) -> str:
    """The subject of a topic's keys or values, by Confluent's default strategy."""
    return f"{topic}-{'key' if is_key else 'value'}"
