"""Completion: keywords, functions, and what the server has in the way of names.

The server is asked when completion needs it, in prompt_toolkit's own thread, and again once the
answer is older than `FRESH_SECONDS`. A server that does not answer leaves the keywords.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from merganser.cli.local import COMMANDS
from merganser.parser.words import SHOWN_WORDS, name_sql
from merganser.server.client import Client, Entity, ServerError, UnreachableError

FRESH_SECONDS = 5.0
_WORD = re.compile(r"[\w@]+")
_TOKENS = re.compile(r"'[^']*'?|`[^`]*`?|[\w@]+|[^\s\w]")

SNIPPETS: Mapping[str, str] = {
    "cs": "CREATE STREAM s (id STRING KEY) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');",
    "ct": "CREATE TABLE t (id STRING PRIMARY KEY) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');",
    "csas": "CREATE STREAM s AS SELECT * FROM src EMIT CHANGES;",
    "ctas": "CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;",
    "ii": "INSERT INTO s (id) VALUES ('');",
}
"""What ksqlDB's shell expands these words to when Tab is pressed behind them."""

# The word before the cursor decides which names fit.
_BEFORE_SOURCE = frozenset({"FROM", "JOIN", "INTO", "STREAM", "TABLE", "DESCRIBE"})
_BEFORE_QUERY = frozenset({"TERMINATE", "PAUSE", "RESUME", "EXPLAIN"})


@dataclass(slots=True)
class Names:
    """What a server has.

    Attributes:
        columns: By source, as SQL spells both.
    """

    columns: dict[str, list[str]] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)


class Catalogue:
    """The names of the server that the shell is on, kept for a few seconds."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client
        self._names = Names()
        self._asked_at = float("-inf")

    def names(self) -> Names:
        """Returns them, fresh if the server answers."""
        if time.monotonic() - self._asked_at > FRESH_SECONDS:
            self._asked_at = time.monotonic()
            try:
                with self._client() as client:
                    self._names = _ask(client)
            except (ServerError, UnreachableError):
                pass  # Completing from what was known is better than an error while typing.
        return self._names


def _ask(client: Client) -> Names:
    found = Names()
    for entity in client.execute(
        "SHOW STREAMS EXTENDED; SHOW TABLES EXTENDED; SHOW FUNCTIONS; SHOW TOPICS; SHOW QUERIES; "
        "SHOW PROPERTIES;"
    ):
        for source in _members(entity, "sourceDescriptions"):
            columns = [name_sql(str(column["name"])) for column in _members(source, "fields")]
            found.columns[name_sql(str(source["name"]))] = columns
        found.functions += [str(item["name"]) for item in _members(entity, "functions")]
        found.topics += [str(item["name"]) for item in _members(entity, "topics")]
        found.queries += [str(item["id"]) for item in _members(entity, "queries")]
        found.properties += [str(item["name"]) for item in _members(entity, "properties")]
    return found


def _members(entity: Entity, name: str) -> list[Entity]:
    value = entity.get(name)
    return value if isinstance(value, list) else []


class StatementCompleter(Completer):
    """Completes the word before the cursor by what stands in front of it."""

    def __init__(self, names: Callable[[], Names]) -> None:
        self._names = names

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor
        tokens = _TOKENS.findall(before)
        if tokens and tokens[-1][0] == "'" and (len(tokens[-1]) == 1 or tokens[-1][-1] != "'"):
            yield from _matching(self._quoted(tokens), tokens[-1][1:])
            return
        word = document.get_word_before_cursor(pattern=_WORD)
        if not before.strip():
            return
        previous = tokens[:-1] if word else tokens
        if not previous:
            yield from _first_words(word)
        yield from _matching(self._candidates(previous, document.text), word)

    def _quoted(self, tokens: list[str]) -> list[str]:
        """What can stand in the quotes that the cursor is in."""
        words = [token.upper() for token in tokens[:-1]]
        match words[-1:]:
            case ["PRINT"]:
                return self._names().topics
            case ["SET" | "UNSET"]:
                return self._names().properties
            case ["="] if words[-2:-1] == ["KAFKA_TOPIC"]:
                return self._names().topics
            case _:
                return []

    def _candidates(self, previous: list[str], text: str) -> Iterable[str]:
        last = previous[-1].upper() if previous else ""
        if last in _BEFORE_SOURCE:
            return [*sorted(self._names().columns), *sorted(SHOWN_WORDS)]
        if last in _BEFORE_QUERY:
            return [*self._names().queries, *sorted(SHOWN_WORDS)]
        if not previous:
            return sorted(SHOWN_WORDS)
        names = self._names()
        return [*_columns_in_reach(names, text), *sorted(SHOWN_WORDS), *sorted(names.functions)]


def _columns_in_reach(names: Names, text: str) -> list[str]:
    """Columns of the sources that the statement names, or of all while it names none."""
    spoken = {token if token[0] == "`" else token.upper() for token in _TOKENS.findall(text)}
    named = [columns for source, columns in names.columns.items() if source in spoken]
    return [column for columns in named or names.columns.values() for column in columns]


def _first_words(word: str) -> Iterator[Completion]:
    if word.casefold() in SNIPPETS:
        yield Completion(SNIPPETS[word.casefold()], -len(word), display=SNIPPETS[word.casefold()])
    if word:
        yield from _matching(COMMANDS, word)


def _matching(candidates: Iterable[str], word: str) -> Iterator[Completion]:
    """Candidates that start as the word does, in the word's own letter case if it is lower."""
    start = word.casefold()
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.casefold().startswith(start) and candidate not in seen:
            seen.add(candidate)
            lower = word.islower() and candidate.isupper()
            yield Completion(candidate.lower() if lower else candidate, -len(word))
