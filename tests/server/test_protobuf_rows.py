"""Rows as Protobuf messages: `Accept: application/vnd.ksql.v1+protobuf`."""

from __future__ import annotations

import base64
import json
from decimal import Decimal

import httpx
import pyarrow as pa
import pytest

from merganser.engine.answer import QueryResult, RowBatch
from merganser.engine.formats.proto_answer import ProtobufRows
from merganser.engine.formats.proto_schema import ProtoSchema, message_class
from merganser.engine.schema import Column, Role
from merganser.engine.types import (
    BIGINT,
    DATE,
    INTEGER,
    STRING,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    MapType,
    StructField,
    StructType,
)
from merganser.errors import UserError
from tests.server.fake_engine import FakeEngine, ListedRows, batch, pull, push

PROTOBUF = "application/vnd.ksql.v1+protobuf"
SCHEMA = """syntax = "proto3";

message ConnectDefault1 {
  int64 ID = 1;
  string NAME = 2;
}
"""


def messages(answer: list[dict[str, object]]) -> list[tuple[int, str]]:
    """The rows of an answer, read with its own schema."""
    header = answer[0]["header"]
    assert isinstance(header, dict)
    kind = message_class(ProtoSchema(str(header["protoSchema"]), {}).message(None))
    rows = [entry["row"] for entry in answer if "row" in entry]
    texts = [row["protobufBytes"] for row in rows if isinstance(row, dict)]
    found = [kind.FromString(base64.b64decode(text)) for text in texts]
    return [(getattr(row, "ID"), getattr(row, "NAME")) for row in found]  # noqa: B009


@pytest.mark.parametrize(("path", "member"), [("/query", "ksql"), ("/query-stream", "sql")])
def test_a_pull_query(path: str, member: str, http: httpx.Client, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows([batch((1, "a"), (0, None))]))
    answer = http.post(path, json={member: "Q;"}, headers={"Accept": PROTOBUF})
    assert answer.headers["content-type"] == PROTOBUF
    found = json.loads(answer.text)
    assert found[0]["header"]["protoSchema"] == SCHEMA
    assert found[0]["header"]["schema"] == "`ID` BIGINT KEY, `NAME` STRING"
    assert messages(found) == [(1, "a"), (0, "")]  # What is NULL is not sent.
    assert found[1:] == [
        {"row": {"protobufBytes": "CAESAWE="}},
        {"row": {"protobufBytes": ""}},
    ]


def test_a_push_query_ends_with_its_message(http: httpx.Client, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: push(ListedRows([batch((1, "a"))]), limit=1)
    answer = http.post("/query-stream", json={"sql": "Q;"}, headers={"Accept": PROTOBUF})
    found = json.loads(answer.text)
    assert messages(found) == [(1, "a")]
    assert found[-1] == {"finalMessage": "Limit Reached"}


def test_columns_that_protobuf_cannot_express_are_refused(
    http: httpx.Client, engine: FakeEngine
) -> None:
    column = Column("A", ArrayType(ArrayType(INTEGER)))
    rows = ListedRows([RowBatch(pa.table({"A": [[[1]]]}))])
    engine.queries["Q;"] = lambda: QueryResult("query_1", "pull", (column,), rows, None)
    answer = http.post("/query-stream", json={"sql": "Q;"}, headers={"Accept": PROTOBUF})
    assert answer.json()["error_code"] == 40001
    assert rows.closed.is_set()


def test_nested_types_are_told_as_connect_tells_them() -> None:
    inner = StructType((StructField("C", DATE),))
    rows = ProtobufRows(
        [
            Column("K", INTEGER, Role.KEY),
            Column("D", DecimalType(10, 4)),
            Column("T", TIMESTAMP),
            Column("M", MapType(STRING, BIGINT)),
            Column("S", StructType((StructField("B", inner),))),
            Column("A", ArrayType(INTEGER)),
        ]
    )
    assert rows.schema == (
        'syntax = "proto3";\n\nimport "confluent/type/decimal.proto";\n'
        'import "google/protobuf/timestamp.proto";\nimport "google/type/date.proto";\n\n'
        "message ConnectDefault1 {\n  int32 K = 1;\n"
        "  confluent.type.Decimal D = 2 [(confluent.field_meta) = {\n    params: [\n"
        '      {\n        value: "10",\n        key: "precision"\n      },\n'
        '      {\n        value: "4",\n        key: "scale"\n      }\n    ]\n  }];\n'
        "  google.protobuf.Timestamp T = 3;\n  repeated ConnectDefault2Entry M = 4;\n"
        "  ConnectDefault3 S = 5;\n  repeated int32 A = 6;\n\n"
        "  message ConnectDefault2Entry {\n    string key = 1;\n    int64 value = 2;\n  }\n"
        "  message ConnectDefault3 {\n    ConnectDefault4 B = 1;\n  \n"
        "    message ConnectDefault4 {\n      google.type.Date C = 1;\n    }\n  }\n}\n"
    )
    table = pa.table(
        {
            "K": pa.array([1], pa.int32()),
            "D": pa.array([Decimal("1.5")], pa.decimal128(10, 4)),
            "T": pa.array([0], pa.timestamp("us")),
            "M": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
            "S": pa.array([None], pa.struct([("B", pa.struct([("C", pa.date32())]))])),
            "A": pa.array([[1, 2]], pa.list_(pa.int32())),
        }
    )
    (text,) = rows.base64(table)
    assert base64.b64decode(text).startswith(b"\x08\x01")


def test_names_that_are_none_in_protobuf_are_refused() -> None:
    with pytest.raises(UserError, match="no name in Protobuf"):
        ProtobufRows([Column("a b", INTEGER)])
