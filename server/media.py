"""Media types and what an Accept header chooses among them.

Source: parity/rest-api.md, transport and media types.
"""

from __future__ import annotations

from collections.abc import Sequence

JSON = "application/json"
V1_JSON = "application/vnd.ksql.v1+json"
V1_PROTOBUF = "application/vnd.ksql.v1+protobuf"
DELIMITED = "application/vnd.ksqlapi.delimited.v1"

ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"

CLASSIC_TYPES = (V1_JSON, JSON)
"""What the statement and information endpoints give; any of them is sent as JSON."""

STREAM_TYPES = (DELIMITED, JSON, V1_JSON, V1_PROTOBUF)
"""What the query endpoints give, the default first."""

TABLE_TYPES = (ARROW, CSV)
"""What pull queries are also given as."""

INSERT_TYPES = (DELIMITED, JSON)
"""What `/inserts-stream` gives."""


def negotiate(accept: str | None, offered: Sequence[str]) -> str | None:
    """The offered type that the client likes best, or None if it takes none of them.

    Without an Accept header it is the first. Ties go to what the client names first.

    >>> negotiate("application/*;q=0.5, application/json", STREAM_TYPES)
    'application/json'
    >>> negotiate("text/csv", STREAM_TYPES)
    """
    if accept is None or not accept.strip():
        return offered[0]
    wishes = [_wish(part) for part in accept.split(",") if part.strip()]
    for _, pattern in sorted(
        (wish for wish in wishes if wish[0] > 0), key=lambda wish: wish[0], reverse=True
    ):
        for media_type in offered:
            if _covers(pattern, media_type):
                return media_type
    return None


def _wish(part: str) -> tuple[float, str]:
    pattern, *parameters = part.split(";")
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return quality, pattern.strip().lower()


def _covers(pattern: str, media_type: str) -> bool:
    if pattern in ("*/*", "*"):
        return True
    if pattern.endswith("/*"):
        return media_type.startswith(pattern[:-1])
    return pattern == media_type
