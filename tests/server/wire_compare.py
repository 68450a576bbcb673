"""`python -m tests.server.wire_compare FOLDER`: asks a server what was asked of a ksqlDB server.

The folder holds recordings of REST exchanges, a file an area. Each area gets a server of its own on
the embedded log; its entries are asked in order, and each answer is compared with the recorded one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from merganser.engine.engine import Engine
from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.server.raw_http import RawAnswer, RawConnection
from tests.server.wire_match import CLOSED, answer_difference, lines_difference
from tests.server.wire_protocols import (
    continued_difference,
    http2_difference,
    pipelined_difference,
    second_difference,
    socket_difference,
    upgrade_difference,
)
from tests.server.wire_setup import (
    ALL_SETUP_FIRST,
    AREA_PROPERTIES,
    LEFT_BY_OTHERS,
    SERVER_PROPERTIES,
    SERVICE_ID,
    USERS,
    WITHOUT_PROCESSING_LOG,
    Area,
    delete_row,
)

Entry = dict[str, Any]

NOT_COMPARED = "not compared"
QUIET_SECONDS = 0.4  # How long nothing must come where the recorder waited for longer.
ANSWER_SECONDS = 12.0
ROW_GOES = "-- while the query runs, after the first 2 rows: produce"
TOPIC_GOES = "-- after 4 s the Kafka topic "
ASKED_A_SECOND_LATER = frozenset({"pull_rate_classic_3"})
"""Entries that got an answer only because the recorder's second for the one before was over."""
QUERY_OPEN = ("-- open push query", "-- one push query open")

UNLIKE_ON_PURPOSE: Mapping[str, str] = {
    "body_empty": "an empty body is a bad request, no failure of the server",
    "close_empty_body": "an empty body is a bad request, no failure of the server",
    "topic_wrong_case": "the recorded server hangs",
    "topic_deleted_while_streaming_classic": "the recorded server does not notice",
    "topic_deleted_while_streaming_json": "the recorded server does not notice",
}
"""Entries that are not matched, with the reason; they count as such."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry; `difference` is None if it matched."""

    area: str
    name: str
    difference: str | None

    @property
    def compared(self) -> bool:
        """Whether the answer could be compared."""
        return not (self.difference or "").startswith(NOT_COMPARED)

    @property
    def matched(self) -> bool:
        """Whether the answer was the recorded one."""
        return self.difference is None


@dataclass
class AreaRun:
    """One area's server and what is open on it."""

    area: Area
    server: RunningServer
    row_gone: bool = False
    open_query: RawConnection | None = None
    open_answer: RawAnswer | None = None
    open_id: str = ""
    outcomes: list[Outcome] = field(default_factory=list)


def compare_folder(folder: Path, areas: Sequence[str] = ()) -> Iterator[Outcome]:
    """The outcomes of all entries, area by area."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no recordings in {folder}")
    for file in files:
        if not areas or file.stem in areas:
            yield from compare_area(file)


def compare_area(file: Path) -> list[Outcome]:
    """The outcomes of one file."""
    entries: list[Entry] = json.loads(file.read_text(encoding="utf-8"))["entries"]
    with _area_server(file.stem) as run:
        run.area.prepare(LEFT_BY_OTHERS.get(file.stem, ()))
        if file.stem in ALL_SETUP_FIRST:
            run.area.prepare([text for entry in entries for text in entry.get("setup", [])])
        for entry in entries:
            run.outcomes.append(Outcome(file.stem, entry["name"], _difference(run, entry)))
        return run.outcomes


@contextmanager
def _area_server(name: str) -> Iterator[AreaRun]:
    properties = {**SERVER_PROPERTIES, **AREA_PROPERTIES.get(name, {})}
    if name in WITHOUT_PROCESSING_LOG:
        properties["ksql.logging.processing.stream.auto.create"] = "false"
    USERS.write_text("a: a, admin\nb: b, other\n", encoding="utf-8")
    config = ServerConfig(port=0, service_id=SERVICE_ID, properties=properties)
    with start_in_background(config) as server:
        assert isinstance(server.engine, Engine)
        yield AreaRun(Area(name, server.engine), server)


def _difference(run: AreaRun, entry: Entry) -> str | None:
    if (reason := UNLIKE_ON_PURPOSE.get(entry["name"])) is not None:
        return f"on purpose: {reason}"
    setup = entry.get("setup", [])
    try:
        run.area.prepare([text for text in setup if not text.startswith(QUERY_OPEN)])
        run.area.settle()
        if entry["name"] in ASKED_A_SECOND_LATER:
            threading.Event().wait(1.1)
        opening = next((text for text in setup if text.startswith(QUERY_OPEN)), None)
        if opening is None:
            return _asked(run, entry, row_goes=any(text.startswith(ROW_GOES) for text in setup))
        with _query_open(run, opening, entry):
            return _asked(run, entry, row_goes=False) or _effect_difference(run, entry)
    except (OSError, ValueError, AssertionError) as error:
        return f"{type(error).__name__}: {error}"


# ---------------------------------------------------------------------- asking


def _asked(run: AreaRun, entry: Entry, *, row_goes: bool) -> str | None:
    recorded = entry["response"]
    if (other := _other_protocol(run, entry)) is not None:
        return other()
    with RawConnection(run.server.url, wait=ANSWER_SECONDS) as connection:
        _send(run, connection, entry["request"], entry["name"])
        answer = connection.head()
        end = str(recorded.get("end", ""))
        after_rows = _row_goer(run) if row_goes and not run.row_gone else None
        gone = next((t for t in entry.get("setup", []) if t.startswith(TOPIC_GOES)), None)
        if gone is not None:
            topic = gone.removeprefix(TOPIC_GOES).split(" ")[0]
            connection.chunk(answer)
            connection.chunk(answer)
            run.area.engine.log.delete_topic(topic)
        if end.startswith("client") and "chunks" in recorded:
            _read_some(connection, answer, len(recorded["chunks"]), after_rows)
        elif after_rows is not None:
            _read_some(connection, answer, 3, after_rows)
            if not answer.complete:
                connection.rest(answer)
        else:
            connection.rest(answer, bodiless=entry["request"]["method"] == "HEAD")
        difference = answer_difference(recorded, answer)
        return difference or _connection_difference(connection, recorded)


def _other_protocol(run: AreaRun, entry: Entry) -> Callable[[], str | None] | None:
    """What asks an entry that is no plain HTTP/1.1 request."""
    request, url = entry["request"], run.server.url
    if "requests" in request:
        text = "SELECT * FROM X_S EMIT CHANGES;"
        row = "INSERT INTO X_S (ID, NAME) VALUES (9, 'i');"
        return lambda: second_difference(url, entry, text, lambda: run.area.run(row))
    if entry["response"].get("status") == 100:
        return lambda: continued_difference(url, request, entry["response"])
    if "requests_sent_at_once" in request:
        return lambda: pipelined_difference(url, entry)
    if str(request["http"]).startswith("2"):
        return lambda: http2_difference(url, entry, run.area.resolve)
    if "WebSocket" in str(request["http"]):
        return lambda: socket_difference(url, entry)
    if entry["response"].get("status") == 101:
        body = json.dumps(request["body"]).encode() if "body" in request else None
        return lambda: upgrade_difference(url, entry, body)
    return None


def _send(run: AreaRun, connection: RawConnection, request: Mapping[str, Any], name: str) -> None:
    path = run.area.resolve(str(request["path"]))
    for count in (5000, 20000):
        path = path.replace(f"<{count} characters>", "x" * count)
    headers = dict(request.get("headers") or {})
    text: str | None = None
    if "body" in request:
        text = json.dumps(_numbered(name, request["body"]))
    elif "body_text" in request:
        text = str(request["body_text"])
    if text is not None:
        text = run.area.resolve(text).replace("transient_X_S_<n>", run.open_id)
    framed = "Transfer-Encoding" in headers
    connection.send(
        str(request["method"]),
        path,
        None if text is None else text.encode(),
        headers,
        str(request["http"]),
        framed=framed,
        host=name != "host_header_missing",
    )


def _numbered(name: str, body: object) -> object:
    """A body with real command numbers: entries tell only whether they have been run."""
    if not isinstance(body, dict) or "<offset" not in str(body.get("commandSequenceNumber")):
        return body
    return {**body, "commandSequenceNumber": 10**6 if "future" in name else 0}


def _row_goer(run: AreaRun) -> Callable[[], None]:
    def go() -> None:
        run.row_gone = True
        delete_row(run.area.engine)

    return go


def _read_some(
    connection: RawConnection, answer: RawAnswer, count: int, after_rows: Callable[[], None] | None
) -> None:
    """Reads chunks, and finds out whether more come than there should."""
    if answer.headers.get("transfer-encoding") != "chunked":
        connection.rest(answer)
        return
    for index in range(count):
        if index == 3 and after_rows is not None:
            after_rows()
            after_rows = None
        connection.chunk(answer)
    if after_rows is not None:
        after_rows()
    connection.wait(QUIET_SECONDS)
    try:
        while connection.chunk(answer):
            pass
    except TimeoutError:
        return


def _connection_difference(connection: RawConnection, recorded: Mapping[str, Any]) -> str | None:
    wanted = recorded.get("connection_after")
    if wanted is None:
        return None
    connection.wait(ANSWER_SECONDS)
    try:
        found = "left open" if connection.ask("GET", "/chc/live").status == 200 else "in disorder"
    except OSError:
        found = CLOSED
    return None if found == wanted else f"connection: expected {wanted}, found {found}"


# ---------------------------------------------------------------------- a query beside


@contextmanager
def _query_open(run: AreaRun, opening: str, entry: Entry) -> Iterator[None]:
    """Keeps a push query open on another connection."""
    path = "/query" if "on /query with" in opening or opening.endswith("on /query") else None
    accept = opening.rpartition("Accept ")[2] if "Accept " in opening else None
    source = "LM_S" if run.area.name == "configured_limits" else "X_S"
    text = f"SELECT * FROM {source} EMIT CHANGES;"
    body = json.dumps({"sql": text, "ksql": text}).encode()
    headers = {"Accept": accept} if accept else {}
    with RawConnection(run.server.url, wait=ANSWER_SECONDS) as connection:
        connection.send("POST", path or "/query-stream", body, headers)
        answer = connection.head()
        first = connection.chunk(answer).decode().strip().strip(",[")
        header = json.loads(first if first.endswith("}") else first + "}")
        run.open_id = str(header.get("header", header).get("queryId", ""))
        run.open_query, run.open_answer = connection, answer
        if source == "X_S":
            connection.chunk(answer)
        yield
    assert entry
    _wait_until_closed(run)


def _wait_until_closed(run: AreaRun) -> None:
    pause = threading.Event()
    for _ in range(40):
        if not run.area.engine.close_query(run.open_id):
            return
        pause.wait(0.05)


def _effect_difference(run: AreaRun, entry: Entry) -> str | None:
    """What the open query saw."""
    effect = entry.get("effect")
    if effect is None:
        return None
    assert run.open_query is not None
    assert run.open_answer is not None
    run.open_query.rest(run.open_answer)
    expected = [chunk for chunk in effect["chunks_of_the_closed_query"] if chunk != "<last chunk>"]
    found = [chunk.decode() for chunk in run.open_answer.chunks]
    return lines_difference(expected, found)


# ---------------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 if the share that was asked for matched."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.server.wire_compare", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="the folder of recordings")
    parser.add_argument("--area", action="append", default=[], help="only this file; repeatable")
    parser.add_argument("--failing", action="store_true", help="tell each entry that differs")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="PERCENT")
    options = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    outcomes = list(compare_folder(options.folder, options.area))
    lines: list[str] = []
    if options.failing:
        lines = [f"{o.area}.{o.name}: {o.difference}" for o in outcomes if not o.matched]
    for area in dict.fromkeys(outcome.area for outcome in outcomes):
        lines.append(_share(area, [outcome for outcome in outcomes if outcome.area == area]))
    lines.append(_share("compared", [outcome for outcome in outcomes if outcome.compared]))
    lines.append(_share("all", outcomes))
    print("\n".join(lines))  # noqa: T201 (a command prints)
    matched = sum(outcome.matched for outcome in outcomes)
    return 0 if 100 * matched >= options.at_least * len(outcomes) else 1


def _share(name: str, outcomes: Sequence[Outcome]) -> str:
    matched = sum(outcome.matched for outcome in outcomes)
    return f"{name:32} {matched:4} of {len(outcomes):4}  {100 * matched / len(outcomes):5.1f} %"


if __name__ == "__main__":
    sys.exit(main())
