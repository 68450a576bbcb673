"""Recorded exchanges over HTTP/2, WebSockets and upgrades, asked again and compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.server.raw_http import RawConnection
from tests.server.raw_http2 import Http2Answer, Http2Connection
from tests.server.raw_socket import listen
from tests.server.wire_match import (
    headers_difference,
    json_difference,
    lines_difference,
    text_matches,
    without_prose_length,
)

QUIET_SECONDS = 0.6  # How long nothing must come where the recorder waited for longer.
ANSWER_SECONDS = 12.0

Resolve = Callable[[str], str]


def http2_difference(url: str, entry: Mapping[str, Any], resolve: Resolve) -> str | None:
    """Asks with prior knowledge."""
    request, recorded = entry["request"], entry["response"]
    ends = str(recorded.get("end", "")).startswith("server")
    frames = [resolve(frame).encode() for frame in request.get("data_frames") or []]
    with Http2Connection(url, wait=ANSWER_SECONDS) as connection:
        stream = connection.send(
            request["method"],
            resolve(request["path"]),
            frames,
            request.get("headers"),
            end=ends or request["path"] != "/inserts-stream",
        )
        if ends:
            return _answer_difference(recorded, connection.rest(stream))
        answer = connection.frames(stream, len(recorded["data_frames"]))
        connection.wait(QUIET_SECONDS)
        try:
            connection.frames(stream, len(answer.frames) + 1)
        except TimeoutError:
            return _answer_difference(recorded, answer)
        return f"more came: {answer.frames}"


def upgrade_difference(url: str, entry: Mapping[str, Any], body: bytes | None) -> str | None:
    """Asks over HTTP/1.1 to change to HTTP/2, which must then answer."""
    request = entry["request"]
    with Http2Connection(url, wait=ANSWER_SECONDS, start=False) as connection:
        stream = connection.upgrade(request["method"], request["path"], body)
        answer = connection.rest(stream)
        return None if answer.status == 200 else f"status {answer.status}: {answer.body!r}"


def _answer_difference(recorded: Mapping[str, Any], answer: Http2Answer) -> str | None:
    if answer.status != recorded["status"]:
        return f"status: expected {recorded['status']}, found {answer.status} {answer.body!r}"
    difference = headers_difference(recorded.get("headers", {}), answer.headers)
    if difference is not None:
        return difference
    frames = [frame.decode() for frame in answer.frames]
    if len(frames) == len(recorded["data_frames"]) == 1:
        return _text_difference(recorded["data_frames"][0], frames[0])
    return lines_difference(recorded["data_frames"], frames)


def _text_difference(expected: str, found: str) -> str | None:
    """JSON in any order where it is free, all else as text."""
    if text_matches(expected, found):
        return None
    return json_difference(_json(expected), _json(found))


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def socket_difference(url: str, entry: Mapping[str, Any]) -> str | None:
    """Opens a WebSocket."""
    recorded = entry["response"]
    answer = listen(
        url,
        entry["request"]["path"],
        headers=entry["request"].get("headers"),
        quiet_seconds=ANSWER_SECONDS if recorded["end"].startswith("server") else QUIET_SECONDS,
    )
    if answer.status != recorded["status"]:
        return f"status: expected {recorded['status']}, found {answer.status}"
    if answer.status != 101:
        text = answer.body.decode()
        return headers_difference(without_prose_length(recorded), answer.headers) or (
            None if text_matches(str(recorded["body_text"]), text) else f"body {text!r}"
        )
    if len(answer.frames) != len(recorded["frames"]):
        return f"expected {recorded['frames']}, found {answer.frames}"
    if not answer.closed and recorded["end"].startswith("server"):
        return "not closed"
    for expected, found in zip(recorded["frames"], answer.frames, strict=True):
        difference = json_difference(expected, found)
        if difference is not None:
            return difference
    return None


def continued_difference(
    url: str, request: Mapping[str, Any], recorded: Mapping[str, Any]
) -> str | None:
    """Sends a head that asks whether it may go on, and the body at once."""
    with RawConnection(url, wait=ANSWER_SECONDS) as connection:
        connection.send(
            request["method"],
            request["path"],
            headers=request["headers"] | {"Content-Length": str(len(json.dumps(request["body"])))},
        )
        first = connection.head()
        if first.status != recorded["status"]:
            return f"status: expected {recorded['status']}, found {first.status}"
        connection.send_more(json.dumps(request["body"]).encode())
        answer = connection.head()
        connection.rest(answer)
    head, _, body = str(recorded["body_text"]).partition("\r\n\r\n")
    wanted = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    return headers_difference(wanted, answer.headers) or json_difference(
        json.loads(body), json.loads(answer.body)
    )


def second_difference(
    url: str, entry: Mapping[str, Any], text: str, insert: Callable[[], None]
) -> str | None:
    """Asks for something else under an answer that does not end: that waits, and rows go on."""
    chunks = entry["response"]["first"]["chunks"]
    with RawConnection(url, wait=ANSWER_SECONDS) as connection:
        body = {"sql": text, "properties": {"auto.offset.reset": "earliest"}}
        connection.send("POST", "/query-stream", json.dumps(body).encode())
        answer = connection.head()
        found = [connection.chunk(answer).decode() for _ in chunks]
        if (difference := lines_difference(chunks, found)) is not None:
            return difference
        connection.send("GET", "/info")
        insert()
        row = connection.chunk(answer)
        framed = f"{len(row):x}\r\n{row.decode()}\r\n"
        wanted = entry["response"]["answer_to_second_within_2s"]
        return None if framed == wanted else f"expected {wanted!r}, found {framed!r}"


def pipelined_difference(url: str, entry: Mapping[str, Any]) -> str | None:
    """Sends requests at once and reads the statuses in order."""
    statuses = []
    with RawConnection(url, wait=ANSWER_SECONDS) as connection:
        requests = entry["request"]["requests_sent_at_once"]
        for request in requests:
            method, path = request.split(" ")
            connection.send(method, path)
        for _ in requests:
            answer = connection.head()
            connection.rest(answer)
            statuses.append(answer.status)
    wanted = entry["response"]["statuses_in_order"]
    return None if statuses == wanted else f"expected {wanted}, found {statuses}"
