"""Runs a REST case over real HTTP, against a server in this process.

1. The statements that are no SELECT go together in one POST /ksql.
2. Inputs are produced topic by topic; with `waitForActivePushQuery` only once the one query runs.
3. All persistent queries must have committed up to the end of their topics.
4. Each SELECT is its own POST /query, read to its end; where Protobuf rows are expected, all are
   asked for again as such.
5. `outputs` are compared by topic, `responses` entry by entry.

An error case wants the first failing request to be answered with an HTTP error.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, cast

import httpx
import pyarrow as pa

from merganser.engine.catalog import Catalog
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Log, Output, TopicPartition
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaRegistry
from tests.conformance.cases import Case, CaseRecord, Json
from tests.conformance.codecs.json_text import json_text
from tests.conformance.codecs.table import check_formats
from tests.conformance.failure import CaseFailure, Stage
from tests.conformance.log import StoredRecord
from tests.conformance.outputs import Comparison
from tests.conformance.records import decode, encode, source_on
from tests.conformance.rest_responses import response_difference, wants_messages
from tests.conformance.schemas import prepare_registry
from tests.conformance.topics import prepare_topics

ANSWER_SECONDS_MAX = 15.0  # Push queries wait for rows that come within a second or so.
SETTLE_SECONDS_MAX = 20.0
POLL_SECONDS = 0.005
SERVICE_ID = "conformance"
PROTOBUF = "application/vnd.ksql.v1+protobuf"
SERVER_PROPERTIES = {
    "ksql.streams.auto.offset.reset": "earliest",
    "ksql.streams.cache.max.bytes.buffering": "0",
    "ksql.headers.columns.enabled": "true",
    "ksql.query.pull.table.scan.enabled": "true",
    "ksql.query.push.v2.enabled": "true",
    "ksql.query.push.v2.registry.installed": "true",
}


class OpenSession(Protocol):
    """What a running task holds."""

    @property
    def uncommitted_epochs(self) -> int: ...


class RunningTask(Protocol):
    """A persistent query, run by its own threads."""

    @property
    def source_topics(self) -> tuple[str, ...]: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def positions(self) -> Mapping[TopicPartition, int]: ...
    @property
    def session(self) -> OpenSession: ...


class ServedEngine(Protocol):
    """The engine behind the server."""

    @property
    def catalog(self) -> Catalog: ...
    def tasks(self) -> Sequence[RunningTask]: ...


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, and the log and engine behind it."""

    client: httpx.Client
    log: Log
    engine: ServedEngine


def run_rest_case(case: Case) -> str:
    """Runs a REST case; gives how an error case was refused, and nothing for others.

    Raises:
        CaseFailure: The case does not pass.
    """
    check_formats(case)
    schemas = MemorySchemaRegistry()
    prepare_registry(case, schemas)
    with _server(schemas) as served:
        prepare_topics(case, served.log)
        try:
            responses = _run(case, served)
        except HttpFailure as failure:
            _check_error(case, failure)
            return str(failure)
        except httpx.TimeoutException as error:
            raise CaseFailure(Stage.TIMEOUT, "an answer did not end") from error
        if case.error is not None:
            raise CaseFailure(Stage.ACCEPTED, case.statements[-1][:100])
        _check_outputs(case, served)
        _check_responses(case, responses)
        return ""


@contextmanager
def _server(schemas: SchemaRegistry) -> Iterator[Served]:
    # Imported here: query cases need no server.
    from merganser.engine.engine import Engine, EngineConfig  # noqa: PLC0415
    from merganser.engine.log.embedded import EmbeddedLog  # noqa: PLC0415
    from merganser.server.config import ServerConfig  # noqa: PLC0415
    from merganser.server.run import start_in_background  # noqa: PLC0415

    log = EmbeddedLog()
    engine = Engine(
        EngineConfig(service_id=SERVICE_ID, properties=SERVER_PROPERTIES), log=log, schemas=schemas
    )
    config = ServerConfig(host="127.0.0.1", port=0, service_id=SERVICE_ID)
    with (
        start_in_background(config, engine=engine) as server,
        httpx.Client(
            base_url=server.url,
            timeout=ANSWER_SECONDS_MAX,
            headers={"Accept": "application/vnd.ksql.v1+json"},
        ) as client,
    ):
        yield Served(client, log, engine)


# ------------------------------------------------------------------ requests


class HttpFailure(Exception):  # noqa: N818 - the answer to a request, not an error of ours
    """A request was answered with an HTTP error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status


Response = dict[str, Json]


def _run(case: Case, served: Served) -> list[Response]:
    selects = [text for text in case.statements if _is_select(text)]
    others = [text for text in case.statements if not _is_select(text)]
    responses: list[Response] = []
    if others:
        entities = _post(served, "/ksql", "\n".join(others), case.properties)
        responses += [{"admin": entity} for entity in entities]
    conditions = cast("Mapping[str, Json]", case.body.get("inputConditions") or {})
    if conditions.get("waitForActivePushQuery"):
        responses.append(_query_that_waits(case, selects, served))
        return responses
    _produce(case.inputs, served)
    if case.error is None and selects:
        _wait_until_settled(served)
    responses += [{"query": _post(served, "/query", select, case.properties)} for select in selects]
    if wants_messages(case.body.get("responses")):
        responses += [
            {"queryProto": _post(served, "/query", select, case.properties, accept=PROTOBUF)}
            for select in selects
        ]
    return responses


def _is_select(statement: str) -> bool:
    return statement.upper().startswith("SELECT ")


def _post(
    served: Served,
    path: str,
    text: str,
    properties: Mapping[str, Json],
    *,
    accept: str = "application/vnd.ksql.v1+json",
) -> list[Json]:
    headers = {"Accept": accept}
    return _body(served.client.post(path, content=_request(text, properties), headers=headers))


def _request(text: str, properties: Mapping[str, Json]) -> bytes:
    return json_text({"ksql": text, "streamsProperties": dict(properties)}).encode()


def _body(response: httpx.Response) -> list[Json]:
    if response.is_error:
        raise HttpFailure(response.status_code, _message(response.text))
    return _parsed(response.text)


def _parsed(text: str) -> list[Json]:
    try:
        return cast("list[Json]", json.loads(text, parse_float=Decimal))
    except ValueError as error:
        raise CaseFailure(Stage.OUTPUTS, f"answer is no JSON: {text[:200]}") from error


def _message(text: str) -> str:
    try:
        return str(json.loads(text).get("message", text))
    except (ValueError, AttributeError):
        return text


def _query_that_waits(case: Case, selects: Sequence[str], served: Served) -> Response:
    """Sends the one push query, and the inputs once its header has come."""
    (select,) = selects
    header_came = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        answer = executor.submit(_stream, served, select, case.properties, header_came)
        _wait_for(lambda: header_came.is_set() or answer.done(), "the header")
        _raise_if_failed(answer)
        _produce(case.inputs, served)
        return {"query": answer.result()}


def _stream(
    served: Served, select: str, properties: Mapping[str, Json], header_came: threading.Event
) -> list[Json]:
    content = _request(select, properties)
    with served.client.stream("POST", "/query", content=content) as response:
        if response.is_error:
            response.read()
            raise HttpFailure(response.status_code, _message(response.text))
        text = ""
        for part in response.iter_text():
            text += part
            header_came.set()
    return _parsed(text)


def _raise_if_failed(answer: Future[list[Json]]) -> None:
    if answer.done():
        answer.result()


# ------------------------------------------------------------------ records


def _produce(records: Sequence[CaseRecord], served: Served) -> None:
    by_topic: dict[str, list[StoredRecord]] = {}
    for record in records:
        source = source_on(served.engine.catalog, record.topic)
        by_topic.setdefault(record.topic, []).append(encode(record, source))
    for topic, stored in by_topic.items():
        served.log.append(Output(topic, _arrow(stored)))


def _arrow(records: Sequence[StoredRecord]) -> pa.Table:
    rows = [
        {
            "key": record.key,
            "value": record.value,
            "timestamp": record.timestamp_ms,
            "headers": [{"key": name, "value": value} for name, value in record.headers],
        }
        for record in records
    ]
    return pa.Table.from_pylist(rows, schema=OUTPUT_SCHEMA)


def _wait_until_settled(served: Served) -> None:
    """Waits until every persistent query has committed up to the end of its topics."""
    _wait_for(
        lambda: all(_settled(task, served.log) for task in served.engine.tasks()),
        "the persistent queries",
    )


def _settled(task: RunningTask, log: Log) -> bool:
    """Positions run ahead of the state, so they are read before its commits are."""
    if not task.is_open:
        return False
    ends = [end for topic in task.source_topics for end in log.end_positions(topic).items()]
    positions = task.positions
    reached = all(positions.get(place, 0) >= end for place, end in ends)
    return reached and task.session.uncommitted_epochs == 0


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise CaseFailure(Stage.TIMEOUT, f"waited in vain for {what}")
        threading.Event().wait(POLL_SECONDS)


# ------------------------------------------------------------------ comparison


def _check_error(case: Case, failure: HttpFailure) -> None:
    if case.error is None:
        stage = (
            Stage.REJECTED
            if failure.status < httpx.codes.INTERNAL_SERVER_ERROR
            else (Stage.INTERNAL)
        )
        raise CaseFailure(stage, str(failure)) from failure
    wanted = case.error.get("status")
    if failure.status >= httpx.codes.INTERNAL_SERVER_ERROR and wanted is None:
        raise CaseFailure(Stage.INTERNAL, str(failure)) from failure
    if wanted is not None and wanted != failure.status:
        raise CaseFailure(Stage.OUTPUTS, f"{failure}, expected {wanted}") from failure


def _check_outputs(case: Case, served: Served) -> None:
    for topic in dict.fromkeys(record.topic for record in case.outputs):
        source = source_on(served.engine.catalog, topic)
        comparison = Comparison.of(case, source)
        left = [decode(record, source) for record in _records_of(served.log, topic)]
        for wanted in (record for record in case.outputs if record.topic == topic):
            wrongs = [comparison.difference(wanted, got, headers=False) for got in left]
            if None not in wrongs:
                closest = wrongs[0] if wrongs else "there is none"
                raise CaseFailure(Stage.OUTPUTS, f"no such record: {closest}")
            del left[wrongs.index(None)]
        if left:
            raise CaseFailure(Stage.OUTPUTS, f"{len(left)} records more than expected")


def _records_of(log: Log, topic: str) -> list[StoredRecord]:
    ranges: dict[TopicPartition, tuple[int, int]] = {
        place: (start, log.end_positions(topic)[place])
        for place, start in log.start_positions(topic).items()
    }
    reader = log.reader({place: start for place, (start, _) in ranges.items()})
    try:
        return [
            StoredRecord(row["key"], row["value"], row["timestamp"])
            for batch in reader.read(ranges)
            for row in batch.records.to_pylist()
        ]
    finally:
        reader.close()


def _check_responses(case: Case, responses: Sequence[Response]) -> None:
    expected = cast("list[Response]", case.body.get("responses") or [])
    for index, wanted in enumerate(expected):
        if index >= len(responses):
            raise CaseFailure(Stage.OUTPUTS, f"{len(responses)} responses, expected more")
        wrong = response_difference(wanted, responses[index], f"response {index}")
        if wrong is not None:
            detail = f"expected: {wanted}\nactual: {responses[index]}"
            raise CaseFailure(Stage.OUTPUTS, wrong, detail)
