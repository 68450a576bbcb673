"""Whether an answer is the one recorded, placeholders and free order allowed for.

`<text>` stands for any prose, `<offset>` for a number, and so on. JSON bodies must have the same
members in the same order. Rows of one answer, and the lists that come in no stable order, may come
in any order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

from tests.server.raw_http import RawAnswer

PLACEHOLDERS = {
    "<text>": r"[\s\S]*?",
    "<timestamp>": r"\d{1,15}",
    "<datetime>": r"[\d/:. T-]+",
    "<offset>": r"-?\d+",
    "<n>": r"[\w.+/=-]+?",
    "<uuid>": r"[0-9a-f-]{36}",
    "<host>:8088": r"[^\"\s]+?:\d+",
    "<host>": r"[^\"\s]+?",
    "<service-id>": r"[\w.-]*?",
    "<cluster-id>": r"[\w.-]+",
    "<path>": r"[^\"]+",
}

UNORDERED = frozenset(
    """
    streams tables topics queries functions properties sourceDescriptions queryDescriptions
    readQueries writeQueries sourceConstraints tasksMetadata defaultProperties variables
    overwrittenProperties commandStatuses types
    """.split()  # noqa: SIM905 (words)
)

OWN_WORDS = frozenset({"topology", "executionPlan"})
"""Members that tell how an engine runs a query: texts of its own, whatever they say."""

POSITIONS = frozenset({"endOffset", "committedOffset"})
"""Members that the recorded server did not know yet (-1) wherever it tells them."""

CLOSED = "closed by the server"

_TOKEN = re.compile("|".join(map(re.escape, PLACEHOLDERS)))

Json = object


def text_matches(expected: str, actual: str) -> bool:
    """Whether a text is the expected one."""
    if "<" not in expected:
        return expected == actual
    parts: list[str] = []
    at = 0
    for token in _TOKEN.finditer(expected):
        parts += [re.escape(expected[at : token.start()]), PLACEHOLDERS[token.group()]]
        at = token.end()
    return re.fullmatch("".join(parts) + re.escape(expected[at:]), actual) is not None


def json_difference(expected: Json, actual: Json, path: str = "$") -> str | None:
    """Where two JSON values differ; None if they do not."""
    match expected:
        case dict():
            return _object_difference(expected, actual, path)
        case list():
            return _list_difference(expected, actual, path)
        case str():
            shown = actual if isinstance(actual, str) else json.dumps(actual)
            same = text_matches(expected, shown)
            if same and not isinstance(actual, str) and "<" not in expected:
                same = False
            return None if same else f"{path}: expected {expected!r}, found {actual!r}"
        case _:
            same = type(expected) is type(actual) and expected == actual
            return None if same else f"{path}: expected {expected!r}, found {actual!r}"


def _object_difference(expected: Mapping[str, Json], actual: Json, path: str) -> str | None:
    if not isinstance(actual, dict):
        return f"{path}: expected an object, found {actual!r}"
    name = path.rsplit(".", 1)[-1]
    wanted, found = list(expected), list(actual)
    if name in UNORDERED:
        wanted, found = sorted(wanted), sorted(found)
    pairs = zip(wanted, found, strict=False)
    if len(wanted) != len(found) or not all(text_matches(a, b) for a, b in pairs):
        return f"{path}: expected members {wanted}, found {found}"
    for key, other in zip(wanted, found, strict=True):
        if key in OWN_WORDS and isinstance(actual[other], str):
            continue
        if key in POSITIONS and expected[key] == -1 and type(actual[other]) is int:
            continue
        difference = json_difference(expected[key], actual[other], f"{path}.{key}")
        if difference is not None:
            return difference
    return None


def _list_difference(expected: Sequence[Json], actual: Json, path: str) -> str | None:
    if not isinstance(actual, list):
        return f"{path}: expected a list, found {actual!r}"
    if path.rsplit(".", 1)[-1] in UNORDERED:
        return _unordered_difference(expected, actual, path)
    if len(expected) != len(actual):
        return f"{path}: expected {len(expected)} elements, found {len(actual)}: {actual!r}"
    for index, (wanted, found) in enumerate(zip(expected, actual, strict=True)):
        difference = json_difference(wanted, found, f"{path}[{index}]")
        if difference is not None:
            return difference
    return None


def _unordered_difference(
    expected: Sequence[Json], actual: Sequence[Json], path: str
) -> str | None:
    left = list(actual)
    for wanted in expected:
        differences = [json_difference(wanted, found, f"{path}[…]") for found in left]
        if None not in differences:
            nearest = _nearest(wanted, left, differences)
            return nearest or f"{path}: {json.dumps(wanted)[:200]} is missing in {len(left)} left"
        del left[differences.index(None)]
    if path.endswith((".topics", ".queries")):
        return None  # The recorder took those of other areas out.
    left = [found for found in left if not _is_borrowed(found)]
    return f"{path}: not expected: {json.dumps(left[0])[:200]}" if left else None


def _is_borrowed(found: Json) -> bool:
    """Whether it is a function that ksqlDB does not have."""
    return isinstance(found, dict) and found.get("category") == "DUCKDB"


def _nearest(wanted: Json, left: Sequence[Json], differences: Sequence[str | None]) -> str | None:
    """The difference to the element of the same name, if there is one."""
    for found, difference in zip(left, differences, strict=True):
        if isinstance(wanted, dict) and isinstance(found, dict):
            for key in ("name", "id"):
                if key in wanted and text_matches(str(wanted[key]), str(found.get(key))):
                    return difference
    return None


def lines_difference(expected: Sequence[str], actual: Sequence[str]) -> str | None:
    """Whether chunks are the same: as many, with the same lines; rows in any order."""
    if len(expected) != len(actual):
        return f"expected {len(expected)} chunks {expected}, found {len(actual)} {actual}"
    if all(text_matches(a, b) for a, b in zip(expected, actual, strict=True)):
        return None
    left = _lines(actual)
    for wanted in _lines(expected):
        found = next((line for line in left if text_matches(wanted, line)), None)
        if found is None:
            return f"expected {wanted!r}, found {left}"
        left.remove(found)
    return f"not expected: {left}" if left else None


def _lines(chunks: Sequence[str]) -> list[str]:
    """Lines without what depends on their place in a list."""
    text = "\n".join(chunks).replace("}}]", "}}\n]")
    return [line.removesuffix(",").removeprefix(",") for line in text.split("\n") if line]


def answer_difference(recorded: Mapping[str, object], actual: RawAnswer) -> str | None:
    """How an HTTP/1.1 answer differs from the recorded one; None if it does not."""
    if recorded.get("status") != actual.status:
        return f"status: expected {recorded.get('status')}, found {actual.status} {actual.body!r}"
    reason = recorded.get("reason", "OK" if actual.status == 200 else actual.reason)
    if reason != actual.reason:
        return f"reason: expected {reason}, found {actual.reason}"
    headers = without_prose_length(recorded)
    found = dict(actual.headers)
    if not headers and not actual.body:
        found.pop("content-length", None)  # An answer to HEAD may tell the length.
    if "connection" not in headers and recorded.get("connection_after") == CLOSED:
        found.pop("connection", None)  # A server that closes may say so.
    return headers_difference(headers, found) or _body_difference(recorded, actual)


def without_prose_length(recorded: Mapping[str, object]) -> dict[str, str]:
    """The recorded headers; the length of a body with prose in it may be any."""
    headers = dict(cast("Mapping[str, str]", recorded.get("headers", {})))
    if "content-length" in headers and "<" in str(recorded.get("body_text", "")):
        headers["content-length"] = "<n>"
    return headers


def headers_difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """Whether headers are the same, in any order."""
    if sorted(expected) != sorted(found):
        return f"headers: expected {expected}, found {found}"
    for name, value in expected.items():
        if not text_matches(str(value), found[name]):
            return f"header {name}: expected {value}, found {found[name]}"
    return None


def _body_difference(recorded: Mapping[str, object], actual: RawAnswer) -> str | None:
    text = actual.body.decode()
    if "body" in recorded:
        try:
            body = json.loads(text)
        except ValueError:
            return f"body: no JSON: {text!r}"
        return json_difference(recorded["body"], body)
    if "body_text" in recorded:
        wanted = str(recorded["body_text"])
        return None if text_matches(wanted, text) else f"expected {wanted!r}, found {text!r}"
    chunks = recorded.get("chunks")
    assert isinstance(chunks, list)
    return lines_difference(chunks, [chunk.decode() for chunk in actual.chunks])
