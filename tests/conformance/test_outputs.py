"""How the records of a topic are compared after coarser cuts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from merganser.engine.catalog import Catalog, QueryEntry
from tests.conformance.cases import Json, Window, record_of
from tests.conformance.compare import Comparable, Rules
from tests.conformance.fake_engine import source
from tests.conformance.modes import Mode
from tests.conformance.outputs import Comparison, coalesced_streams, topic_difference
from tests.conformance.records import ActualRecord

RULES = {"key": Rules(), "value": Rules()}
TABLE = Comparison(RULES, is_table=True)
STREAM = Comparison(RULES, is_table=False)

Row = tuple[str | None, int | None]


def differs(expected: list[Row], actual: list[Row], comparison: Comparison, mode: Mode) -> bool:
    wanted = [record_of({"topic": "t", "key": key, "value": value}) for key, value in expected]
    got = [ActualRecord(key, value, 0, None, ()) for key, value in actual]
    return topic_difference(wanted, got, comparison, mode) is not None


@pytest.mark.parametrize(
    ("expected", "actual", "wrong"),
    [
        ([("a", 1), ("b", 1), ("a", 2)], [("b", 1), ("a", 2)], False),
        ([("a", 1), ("a", None)], [], False),
        ([("a", 1), ("a", None)], [("a", None)], False),
        ([("a", None), ("a", 1)], [("a", 1)], False),
        ([("a", 1), ("a", 2)], [("a", 2), ("a", 1)], True),
        ([("a", 1), ("a", 2)], [("a", 1)], True),
        ([("a", 1)], [("a", 1), ("a", None)], True),
        ([("a", 1)], [("a", 1), ("b", 1)], True),
        ([("a", 1), ("b", 1)], [("a", 1)], True),
        ([("a", 1), ("a", None)], [("a", 1)], True),
    ],
)
def test_a_tables_changelogs_are_merged(
    expected: list[Row], actual: list[Row], wrong: bool
) -> None:
    assert differs(expected, actual, TABLE, Mode.EPOCH) == wrong


@pytest.mark.parametrize(
    ("expected", "actual", "wrong"),
    [
        ([("a", 1), ("b", 1), ("a", 2)], [("b", 1), ("a", 1), ("a", 2)], False),
        ([(None, 1), ("b", 1)], [("b", 1), (None, 1)], False),
        ([("a", 1), ("a", 2)], [("a", 2), ("a", 1)], True),
        ([("a", 1), ("a", 2)], [("a", 2)], True),
        ([("a", 1)], [("a", 1), ("a", 1)], True),
        ([("a", 1)], [("a", 1), ("b", 1)], True),
        ([("a", None)], [], True),
    ],
)
def test_a_streams_records_keep_their_order_by_key(
    expected: list[Row], actual: list[Row], wrong: bool
) -> None:
    assert differs(expected, actual, STREAM, Mode.EPOCH) == wrong


@pytest.mark.parametrize("comparison", [TABLE, STREAM])
def test_exact_modes_compare_one_by_one(comparison: Comparison) -> None:
    rows: list[Row] = [("a", 1), ("b", 1)]
    assert not differs(rows, rows, comparison, Mode.RECORD)
    assert differs(rows, rows[::-1], comparison, Mode.RECORD)
    assert differs(rows, rows[:1], comparison, Mode.RESTART)


# ------------------------------------------------------------------ one record


WINDOW = Window(0, 10, "time")


def one(member: str, expected: Json, actual: Comparable) -> str | None:
    body: dict[str, Json] = {"topic": "t", "key": "k", "value": 1, "timestamp": 5}
    got: dict[str, object] = {
        "key": "k",
        "value": 1,
        "timestamp_ms": 5,
        "window": None,
        "headers": (),
    }
    body[member] = expected
    got[{"timestamp": "timestamp_ms"}.get(member, member)] = actual
    return TABLE.difference(record_of(body), ActualRecord(**got))  # type: ignore[arg-type]  # by name


def test_keys_values_and_times_are_compared() -> None:
    assert one("key", "k", "k") is None
    assert one("key", None, "k") == "key is “k”, expected null"
    assert one("value", 1, None) == "value is null, expected 1"
    assert one("value", Decimal("1.0"), Decimal("1.00")) is not None
    assert one("timestamp", 6, 5) == "timestamp is 5, expected 6"
    assert one("timestamp", None, 5) is None


def test_windows_are_compared_and_must_be_absent_where_none_is_expected() -> None:
    window: dict[str, Json] = {"start": 0, "end": 10, "type": "TIME"}
    assert one("window", window, WINDOW) is None  # type: ignore[arg-type]  # a window, here
    assert one("window", None, WINDOW) is not None  # type: ignore[arg-type]  # a window, here
    assert one("window", window, None) is not None
    later = Window(0, 11, "time")
    assert one("window", window, later) is not None  # type: ignore[arg-type]  # a window, here


def test_headers_are_compared_and_must_be_absent_where_none_are_expected() -> None:
    wanted: list[Json] = [{"KEY": "h", "VALUE": "AQ=="}, {"KEY": "n", "VALUE": None}]
    right = (("h", b"\x01"), ("n", None))
    assert one("headers", wanted, right) is None  # type: ignore[arg-type]  # headers, here
    assert one("headers", [], right) is not None  # type: ignore[arg-type]  # headers, here
    for wrong in (
        right[:1],
        right[::-1],
        (("h", b"\x02"), ("n", None)),
        (("h", b"\x01"), ("n", b"")),
    ):
        assert one("headers", wanted, wrong) is not None  # type: ignore[arg-type]  # headers, here


def test_any_time_passes_for_zero_in_cases_without_inputs() -> None:
    wanted = record_of({"topic": "t", "key": None, "value": 1, "timestamp": 0})
    got = ActualRecord(None, 1, 77, None, ())
    assert TABLE.difference(wanted, got) is not None
    assert Comparison(RULES, is_table=True, zero_is_any_time=True).difference(wanted, got) is None


def test_streams_over_a_tables_changelog_are_found() -> None:
    sources = [
        source("S", "s", is_table=False),
        source("T", "t", is_table=True, query_id="Q0"),
        source("CHANGES", "t", is_table=False),
        source("A", "a", is_table=False, query_id="Q1"),
        source("B", "b", is_table=False, query_id="Q2"),
        source("U", "u", is_table=True, query_id="Q3"),
    ]
    queries = [
        QueryEntry("Q0", "", ("S",), "T", is_table=True),
        QueryEntry("Q1", "", ("CHANGES",), "A", is_table=False),
        QueryEntry("Q2", "", ("A",), "B", is_table=False),
        QueryEntry("Q3", "", ("T",), "U", is_table=True),
    ]
    catalog = Catalog(
        {item.name: item for item in sources}, {}, {query.query_id: query for query in queries}
    )
    assert coalesced_streams(catalog) == {"a", "b"}


def test_keys_are_told_apart_where_doubles_may_differ() -> None:
    loosely = Rules(loose_doubles=True)
    comparison = Comparison({"key": loosely, "value": loosely}, is_table=False)
    keys = (0.0, -1e-7)
    wanted = [record_of({"topic": "t", "key": Decimal(repr(key)), "value": 1}) for key in keys]
    got = [ActualRecord(key, 1, 0, None, ()) for key in reversed(keys)]
    assert topic_difference(wanted, got, comparison, Mode.EPOCH) is None
