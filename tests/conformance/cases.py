"""Conformance cases as they lie in files.

A file is `{"cases": [...]}`; a case has statements, topics, inputs and what must come out. Numbers
keep value and scale, so they are read as `int` or `Decimal` and never as floats.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import cast

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]
"""A JSON value with exact numbers."""

THEMES_FILE = "themes.json"
OTHER_THEME = "other"


class CaseKind(StrEnum):
    """What drives a case."""

    QUERY = "query"
    REST = "rest"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True)
class Window:
    """The window in a record's key.

    Attributes:
        end_ms: A session's is its last event time.
        kind: `time` or `session`.
    """

    start_ms: int
    end_ms: int
    kind: str


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """A record as a case spells it, given or expected.

    Attributes:
        timestamp_ms: None where the case does not say.
        headers: Name and base64 of each header (None: a null header).
    """

    topic: str
    key: Json
    value: Json
    timestamp_ms: int | None = None
    window: Window | None = None
    headers: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class CaseTopic:
    """A topic that exists before the first statement, with what the registry knows of it.

    `partition_count` is 1 where the case does not say: that is how the cases were recorded.
    """

    name: str
    partition_count: int = 1
    entry: Mapping[str, Json] = field(default_factory=dict)

    @property
    def has_schema(self) -> bool:
        """Whether a schema has to be registered for it."""
        return bool(self.entry.get("keySchema") or self.entry.get("valueSchema"))


@dataclass(frozen=True, slots=True)
class Case:
    """One conformance case.

    Attributes:
        case_id: `<folder>/<file>#<name>`, unique in a corpus.
        corpus: Name of the folder that holds the folders.
        error: The case must fail; for REST cases maybe with `status`.
        body: The case as it stands in the file, for what only some kinds have.
    """

    case_id: str
    corpus: str
    theme: str
    kind: CaseKind
    statements: tuple[str, ...] = ()
    properties: Mapping[str, Json] = field(default_factory=dict)
    topics: tuple[CaseTopic, ...] = ()
    inputs: tuple[CaseRecord, ...] = ()
    outputs: tuple[CaseRecord, ...] = ()
    post: Mapping[str, Json] = field(default_factory=dict)
    error: Mapping[str, Json] | None = None
    body: Mapping[str, Json] = field(default_factory=dict)


def load_cases(path: Path) -> list[Case]:
    """All cases of a file or of a folder's files, in order of file name.

    Raises:
        FileNotFoundError: There is no such path, or no case below it.
    """
    path = path.resolve()
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    files = [path] if path.is_file() else sorted(path.rglob("*.json"))
    cases = [case for file in files if file.name != THEMES_FILE for case in _cases_of(file)]
    if not cases:
        raise FileNotFoundError(f"{path} holds no cases")
    return cases


def _cases_of(file: Path) -> Iterator[Case]:
    content = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    if not isinstance(content, dict) or "cases" not in content:
        return
    folder = file.parent.name
    theme = _theme(file)
    for body in content["cases"]:
        yield Case(
            case_id=f"{folder}/{file.name}#{body['name']}",
            corpus=file.parent.parent.name,
            theme=theme,
            kind=_kind(folder, body),
            statements=tuple(body.get("statements", ())),
            properties=body.get("properties", {}),
            topics=tuple(
                CaseTopic(topic["name"], topic.get("partitions", 1), topic)
                for topic in body.get("topics", ())
            ),
            inputs=tuple(record_of(record) for record in body.get("inputs", ())),
            outputs=tuple(record_of(record) for record in body.get("outputs", ())),
            post=body.get("post") or {},
            error=body.get("error"),
            body=body,
        )


def _kind(folder: str, body: Mapping[str, Json]) -> CaseKind:
    if "schema" in body:
        return CaseKind.SCHEMA
    return CaseKind.REST if folder.startswith("rest") else CaseKind.QUERY


def _theme(file: Path) -> str:
    """The theme that a `themes.json` above the file gives it, else the name of its folder."""
    themes_file = file.parent.parent / THEMES_FILE
    if not themes_file.exists():
        return file.parent.name
    themes: dict[str, list[str]] = json.loads(themes_file.read_text(encoding="utf-8"))
    name = f"{file.parent.name}/{file.name}"
    return next((theme for theme, files in themes.items() if name in files), OTHER_THEME)


def record_of(body: Mapping[str, Json]) -> CaseRecord:
    """A record from its JSON form. Keys that no record has are the authors' slips: ignored."""
    window = cast("dict[str, Json] | None", body.get("window"))
    headers = cast("Sequence[dict[str, str | None]]", body.get("headers") or ())
    return CaseRecord(
        topic=cast("str", body["topic"]),
        key=body.get("key"),
        value=body.get("value"),
        timestamp_ms=cast("int | None", body.get("timestamp")),
        window=None
        if window is None
        else Window(
            start_ms=cast("int", window["start"]),
            end_ms=cast("int", window["end"]),
            kind=str(window["type"]).lower(),
        ),
        headers=tuple((str(header["KEY"]), header["VALUE"]) for header in headers),
    )
