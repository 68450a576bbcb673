"""Compares what came out with what a case expects, topic by topic.

Exact modes compare record by record. A coarser cut coalesces a table's changes, so there a table's
changelog is merged to the last record of each key and window, and a stream's records are compared
in order key by key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from merganser.engine.catalog import Catalog, Source
from tests.conformance.cases import Case, CaseRecord
from tests.conformance.codecs.table import REGISTRY_FORMATS
from tests.conformance.compare import Rules, difference, shown
from tests.conformance.door import EngineDoor
from tests.conformance.failure import CaseFailure, Stage
from tests.conformance.log import SinglePartitionLog
from tests.conformance.modes import Mode
from tests.conformance.records import ActualRecord, decode, source_on


def check_outputs(case: Case, mode: Mode, engine: EngineDoor, log: SinglePartitionLog) -> None:
    """Compares every topic that the case's outputs name.

    Raises:
        CaseFailure: At the first record that differs.
    """
    catalog = engine.catalog
    unordered = coalesced_streams(catalog) if mode is Mode.EPOCH else frozenset()
    for topic in dict.fromkeys(record.topic for record in case.outputs):
        if topic in unordered:
            continue
        expected = [record for record in case.outputs if record.topic == topic]
        source = source_on(catalog, topic)
        actual = [decode(record, source) for record in log.written(topic)]
        wrong = topic_difference(expected, actual, Comparison.of(case, source), mode)
        if wrong is not None:
            raise CaseFailure(Stage.OUTPUTS, *wrong)


class Comparison:
    """How the records of one topic are compared."""

    def __init__(
        self, rules: Mapping[str, Rules], *, is_table: bool, zero_is_any_time: bool = False
    ) -> None:
        self._rules = rules
        self.is_table = is_table
        self._zero_is_any_time = zero_is_any_time

    @classmethod
    def of(cls, case: Case, source: Source) -> Comparison:
        """By the source's formats and the case's properties."""
        loose = str(case.properties.get("use.exact.numeric.comparison", True)).lower() == "false"
        return cls(
            {
                "key": _rules(source.key_format.name, loose=loose),
                "value": _rules(source.value_format.name, loose=loose),
            },
            is_table=source.is_table,
            zero_is_any_time=not case.inputs,
        )

    def difference(
        self, expected: CaseRecord, actual: ActualRecord, *, headers: bool = True
    ) -> str | None:
        """What is wrong with a record, or None. REST cases do not compare headers."""
        return (
            difference(expected.key, actual.key, self._rules["key"], "key")
            or self._window_difference(expected, actual)
            or difference(expected.value, actual.value, self._rules["value"], "value")
            or self._time_difference(expected, actual)
            or (_header_difference(expected, actual) if headers else None)
        )

    def same_key(self, expected: CaseRecord, actual: ActualRecord) -> bool:
        """Whether both have one key and window."""
        # Not loosely: two small numbers would be one key.
        rules = replace(self._rules["key"], loose_doubles=False)
        return (
            difference(expected.key, actual.key, rules) is None and expected.window == actual.window
        )

    def _window_difference(self, expected: CaseRecord, actual: ActualRecord) -> str | None:
        if expected.window == actual.window:
            return None
        return f"window is {_window(actual)}, expected {_window(expected)}"

    def _time_difference(self, expected: CaseRecord, actual: ActualRecord) -> str | None:
        wanted = expected.timestamp_ms
        if wanted is None or wanted == actual.timestamp_ms:
            return None
        if wanted == 0 and self._zero_is_any_time:
            return None
        return f"timestamp is {actual.timestamp_ms}, expected {wanted}"


def _rules(format_name: str, *, loose: bool) -> Rules:
    registry = format_name.upper() in REGISTRY_FORMATS or format_name.upper() == "PROTOBUF_NOSR"
    return Rules(
        loose_doubles=registry or loose,
        decimals_are_doubles=loose and not registry,
        empty_bytes_are_null=registry,
    )


def _window(record: CaseRecord | ActualRecord) -> str:
    window = record.window
    return f"{window.kind} [{window.start_ms}, {window.end_ms}]" if window else "none"


def _header_difference(expected: CaseRecord, actual: ActualRecord) -> str | None:
    if len(expected.headers) != len(actual.headers):
        return f"{len(actual.headers)} headers came, expected {len(expected.headers)}"
    for (wanted, text), (name, value) in zip(expected.headers, actual.headers, strict=True):
        if wanted != name:
            return f"header is {shown(name)}, expected {shown(wanted)}"
        wrong = difference(text, value, path=f"header {name}")
        if wrong is not None:
            return wrong
    return None


# ------------------------------------------------------------------ topics


Wrong = tuple[str, str]
"""Reason and detail."""

T = TypeVar("T")


def topic_difference(
    expected: Sequence[CaseRecord],
    actual: Sequence[ActualRecord],
    comparison: Comparison,
    mode: Mode,
) -> Wrong | None:
    """What is wrong with a topic's records, or None."""
    if mode is not Mode.EPOCH:
        wrong = _pairwise(expected, actual, comparison)
    elif comparison.is_table:
        wrong = _merged_difference(expected, actual, comparison)
    else:
        wrong = _by_key_difference(expected, actual, comparison)
    return None if wrong is None else (wrong, _listing(expected, actual))


def _pairwise(
    expected: Sequence[CaseRecord], actual: Sequence[ActualRecord], comparison: Comparison
) -> str | None:
    for wanted, got in zip(expected, actual, strict=False):
        wrong = comparison.difference(wanted, got)
        if wrong is not None:
            return wrong
    return _count_difference(expected, actual)


def _count_difference(expected: Sequence[object], actual: Sequence[object]) -> str | None:
    if len(expected) == len(actual):
        return None
    word = "more" if len(actual) > len(expected) else "less"
    return f"{abs(len(actual) - len(expected))} records {word} than expected"


def _merged_difference(
    expected: Sequence[CaseRecord], actual: Sequence[ActualRecord], comparison: Comparison
) -> str | None:
    """Compares the tables that two changelogs make. A deleted key and a missing one are equal."""
    wanted = [r for r in _last(expected, _expected_identity) if r.value is not None]
    got = [r for r in _last(actual, _actual_identity) if r.value is not None]
    for record in wanted:
        found = next((other for other in got if comparison.same_key(record, other)), None)
        if found is None:
            return f"no row for key {shown(record.key)}, window {_window(record)}"
        wrong = comparison.difference(record, found)
        if wrong is not None:
            return f"merged {wrong}"
    return _count_difference(wanted, got)


def _by_key_difference(
    expected: Sequence[CaseRecord], actual: Sequence[ActualRecord], comparison: Comparison
) -> str | None:
    """Compares each key's records in order; the order between keys is left open."""
    left = list(actual)
    for group in _groups(expected, _expected_identity):
        got = [record for record in left if comparison.same_key(group[0], record)]
        wrong = _pairwise(group, got, comparison)
        if wrong is not None:
            return f"of one key {wrong}"
        left = [record for record in left if not comparison.same_key(group[0], record)]
    return _count_difference([], left)


def _groups(records: Iterable[T], identity: Callable[[T], str]) -> list[list[T]]:
    groups: dict[str, list[T]] = {}
    for record in records:
        groups.setdefault(identity(record), []).append(record)
    return list(groups.values())


def _last(records: Iterable[T], identity: Callable[[T], str]) -> list[T]:
    return [group[-1] for group in _groups(records, identity)]


def _expected_identity(record: CaseRecord) -> str:
    return f"{record.key!r} {record.window!r}"


def _actual_identity(record: ActualRecord) -> str:
    return record.identity


def _listing(expected: Sequence[CaseRecord], actual: Sequence[ActualRecord]) -> str:
    """Both sides, for the eye."""
    lines = ["expected:"]
    lines += [_line(record, record.timestamp_ms) for record in expected]
    lines += ["actual:"]
    lines += [_line(record, record.timestamp_ms) for record in actual]
    return "\n".join(lines)


def _line(record: CaseRecord | ActualRecord, timestamp_ms: int | None) -> str:
    headers = f" headers {record.headers}" if record.headers else ""
    window = f" window {_window(record)}" if record.window else ""
    return f"  {shown(record.key)}{window} = {shown(record.value, 400)} at {timestamp_ms}{headers}"


def coalesced_streams(catalog: Catalog) -> frozenset[str]:
    """Topics of queries that read a table's changelog as a stream, directly or not.

    Their records follow the table's single changes, which a coarser cut coalesces, so no cut but
    the finest fixes them.
    """
    found: set[str] = set()
    tables = {
        source.topic
        for source in catalog.sources.values()
        if source.is_table and source.query_id is not None
    }
    for query in catalog.queries.values():
        sink = catalog.sources.get(query.sink or "")
        reads = [catalog.sources[name] for name in query.sources if name in catalog.sources]
        tainted = any(
            source.topic in found or (not source.is_table and source.topic in tables)
            for source in reads
        )
        if sink is not None and tainted:
            found.add(sink.topic)
    return frozenset(found)
