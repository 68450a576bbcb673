"""A schema registry in the process: for the embedded log and for tests.

Ids count from 1 in order of registration; an equal schema has one id under all subjects. Every
schema is taken: compatibility between the versions of a subject is the matter of a real registry.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from merganser.engine.schema_registry.protocol import (
    RegisteredSchema,
    SchemaKind,
    SchemaRegistry,
)


class MemorySchemaRegistry:
    """Keeps schemas while the process lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: dict[int, RegisteredSchema] = {}
        self._subjects: dict[str, list[RegisteredSchema]] = {}
        self._next_id = 1

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """Adds a version to the subject; one that is there already keeps its id."""
        return self.put(subject, kind, text)

    def put(
        self,
        subject: str,
        kind: SchemaKind,
        text: str,
        *,
        schema_id: int | None = None,
        references: Mapping[str, str] | None = None,
    ) -> RegisteredSchema:
        """Adds a version with its references; a given id does not move the counter."""
        with self._lock:
            known = self._same(kind, text, references or {})
            if schema_id is None and known is not None:
                schema_id = known.schema_id
            if schema_id is None:
                while self._next_id in self._by_id:
                    self._next_id += 1
                schema_id, self._next_id = self._next_id, self._next_id + 1
            schema = RegisteredSchema(schema_id, kind, text, dict(references or {}))
            self._by_id[schema_id] = schema
            versions = self._subjects.setdefault(subject, [])
            if schema not in versions:
                versions.append(schema)
            return schema

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The newest version of a subject, or None."""
        with self._lock:
            versions = self._subjects.get(subject)
            return versions[-1] if versions else None

    def by_id(self, schema_id: int) -> RegisteredSchema | None:
        """The schema of that id, or None."""
        with self._lock:
            return self._by_id.get(schema_id)

    def _same(
        self, kind: SchemaKind, text: str, references: Mapping[str, str]
    ) -> RegisteredSchema | None:
        for schema in self._by_id.values():
            if (schema.kind, schema.text, schema.references) == (kind, text, references):
                return schema
        return None


class TrialSchemaRegistry:
    """What a registry would hold after statements that are only checked; it stays untouched.

    New schemas get ids that no registry gives.
    """

    def __init__(self, inner: SchemaRegistry) -> None:
        self._inner = inner
        self._added: dict[str, RegisteredSchema] = {}

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """Notes the schema here."""
        latest = self.latest(subject)
        if latest is not None and (latest.kind, latest.text) == (kind, text):
            return latest
        schema = RegisteredSchema(-1 - len(self._added), kind, text)
        self._added[subject] = schema
        return schema

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The newest version of a subject, or None."""
        return self._added.get(subject) or self._inner.latest(subject)

    def by_id(self, schema_id: int) -> RegisteredSchema | None:
        """The schema of that id, or None."""
        added = next((s for s in self._added.values() if s.schema_id == schema_id), None)
        return added or self._inner.by_id(schema_id)
