"""The end of a service: its queries, the topics that are asked for, its command topic.

It is no statement but a request of its own; its answer looks like that of a statement.
Source: parity/rest-api.md, health and cluster endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from merganser.engine.catalog import Catalog
from merganser.engine.statements.current_status import CurrentStatus
from merganser.errors import RequestError


def topic_patterns(texts: Sequence[str]) -> list[re.Pattern[str]]:
    """Regular expressions for the names of topics.

    Raises:
        RequestError: One of them is none.
    """
    patterns = []
    for text in texts:
        try:
            patterns.append(re.compile(text))
        except re.error as error:
            raise RequestError(
                f'"{text}" is no regular expression', detail=f"{error}.".capitalize()
            ) from error
    return patterns


def topics_to_delete(catalog: Catalog, patterns: Iterable[re.Pattern[str]]) -> list[str]:
    """The topics that queries of the service made and that match one of the patterns whole."""
    made = {
        source.topic
        for source in catalog.sources.values()
        if source.query_id is not None and not source.read_only
    }
    return sorted(topic for topic in made if any(p.fullmatch(topic) for p in patterns))


def queued(sequence: int) -> CurrentStatus:
    """What is answered before anything has ended: afterwards nobody could be answered."""
    return CurrentStatus(
        statement_text="TERMINATE CLUSTER;",
        command_id="terminate/CLUSTER/execute",
        status="QUEUED",
        message="Statement written to command topic",
        sequence=sequence,
    )
