"""Drawing queries, records, epochs and restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from merganser.engine.log.protocol import TopicPartition
from tests.reference.aggregates import AGGREGATES, Call
from tests.reference.grouping import Over
from tests.reference.queries import Joined, Query
from tests.reference.rows import Expr, Predicate
from tests.reference.streams import Within
from tests.runtime.driving import Cut

KEYS = ("a", "b", "c", "d")
START_MS = 60_000
RECORDS_MAX = 20
NUMBERS = {"S": "V", "R": "W", "T": "N", "U": "M"}
TEXTS = {"S": "G", "R": "H", "T": "NAME", "U": "FK"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A record to be written. `value` None: a record without one."""

    source: str
    key: str | None
    value: Mapping[str, object] | None
    time_ms: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """So many records of the common order; a restart before them keeps the state or not."""

    count: int
    restart: bool | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A query over records in epochs; the last epoch takes what is left."""

    query: Query
    records: tuple[Drawn, ...]
    epochs: tuple[Epoch, ...]


_seconds = st.one_of(
    st.integers(-3, 5), st.sampled_from([-21, -16, -11, -7, 11, 20, 60, 400]), st.just(0)
)
_spans_ms = st.sampled_from([0, 1_000, 2_000, 5_000, 12_000])
_numbers = st.one_of(st.none(), st.integers(-4, 9))


def _number(sources: Sequence[str]) -> st.SearchStrategy[Expr]:
    columns = [f"{source}.{NUMBERS[source]}" for source in sources]
    return st.builds(Expr, st.sampled_from(columns), st.sampled_from([0, 0, 1, 10]))


def _text(sources: Sequence[str]) -> st.SearchStrategy[Expr]:
    return st.sampled_from([Expr(f"{source}.{TEXTS[source]}") for source in sources])


@st.composite
def _predicates(draw: st.DrawFn, sources: Sequence[str]) -> Predicate:
    if draw(st.booleans()):
        column = draw(_number(sources)).column
        operator = draw(st.sampled_from([">", "<=", "=", "IS NULL", "IS NOT NULL"]))
        literal: int | str | None = draw(st.integers(-2, 6))
    else:
        column = draw(_text(sources)).column
        operator = draw(st.sampled_from(["=", "IS NULL", "IS NOT NULL"]))
        literal = draw(st.sampled_from(["x", "a"]))
    return Predicate(column, operator, literal if not operator.startswith("IS") else None)


@st.composite
def _calls(
    draw: st.DrawFn, sources: Sequence[str], *, over_table: bool, session: bool, held: bool
) -> tuple[Call, ...]:
    names = [
        name
        for name, aggregate in AGGREGATES.items()
        if (aggregate.undo or not over_table)
        # Where sessions are merged it is not said in which order lists are put together.
        and (not session or not aggregate.ordered or aggregate.by_arrival)
        # Nor when held rows come that wait for all partitions.
        and (not held or not aggregate.ordered)
    ]
    found = []
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)):
        aggregate = AGGREGATES[name]
        argument = draw(_number(sources) if aggregate.numeric else _text(sources))
        where = draw(st.one_of(st.none(), st.none(), st.none(), _predicates(sources)))
        found.append(Call(aggregate, argument, where))
    return tuple(found)


@st.composite
def _overs(draw: st.DrawFn) -> Over:
    kind = draw(st.sampled_from(["TUMBLING", "HOPPING", "SESSION"]))
    size = draw(st.sampled_from([3_000, 4_000, 10_000]))
    advance = draw(st.sampled_from([2_000, 3_000])) if kind == "HOPPING" else size
    grace = draw(st.sampled_from([None, 0, 3_000, 6_000]))
    return Over(kind, size, advance, grace, draw(st.booleans()))


@st.composite
def _grouped(draw: st.DrawFn, query: Query, sources: Sequence[str]) -> Query:
    """The same query with a GROUP BY, and windows where it reads streams."""
    over = None
    if not query.reads_table and draw(st.booleans()):
        over = draw(_overs())
    first = query.joins[0].on[0] if query.joins else Expr(f"{query.source}.K")
    keys = [(_text_of(sources[0]),), (_text_of(sources[-1]),), (first, _text_of(sources[-1]))]
    if first.column != "ROWKEY":
        keys.append((first,))
    key = draw(st.sampled_from([key for key in keys if len(set(key)) == len(key)]))
    session = over is not None and over.kind == "SESSION"
    held = query.is_rekeyed and any(
        join.within is not None and join.within.grace_ms is not None for join in query.joins
    )
    calls = draw(_calls(sources, over_table=query.reads_table, session=session, held=held))
    having = None
    if calls[0].aggregate is AGGREGATES["count_all"] and draw(st.booleans()):
        having = Predicate("A0", ">", draw(st.integers(0, 3)))
    return Query(query.source, query.joins, query.where, key, calls=calls, over=over, having=having)


def _text_of(source: str) -> Expr:
    return Expr(f"{source}.{TEXTS[source]}")


@st.composite
def _joins(draw: st.DrawFn, source: str) -> tuple[tuple[Joined, ...], Expr]:
    """One join of a source, or two, and what becomes the key."""
    mine = Expr(f"{source}.K")
    if source == "S":
        on = draw(st.sampled_from([mine, mine, Expr("S.G")]))
        if draw(st.booleans()):
            kind = draw(st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]))
            grace = draw(st.sampled_from([None, 0, 2_000, 6_000]))
            within = Within(draw(_spans_ms), draw(_spans_ms), grace)
            join = Joined(kind, "R", (on, Expr("R.K")), within)
            key = {"RIGHT": Expr("R.K"), "FULL": Expr("ROWKEY")}.get(kind, on)
            return (join,), key
        kinds = st.sampled_from(["INNER", "LEFT"])
        joins = [Joined(draw(kinds), "T", (on, Expr("T.K")))]
        if draw(st.booleans()):
            joins.append(Joined(draw(kinds), "U", (on, Expr("U.K"))))
        return tuple(joins), on
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]))
        key = {"RIGHT": Expr("U.K"), "FULL": Expr("ROWKEY")}.get(kind, mine)
        return (Joined(kind, "U", (mine, Expr("U.K"))),), key
    return (
        Joined(draw(st.sampled_from(["INNER", "LEFT"])), "U", (_text_of("T"), Expr("U.K"))),
    ), mine


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Any query that both sides know."""
    source = draw(st.sampled_from(["S", "T"]))
    joins: tuple[Joined, ...] = ()
    key = Expr(f"{source}.K")
    if draw(st.booleans()):
        joins, key = draw(_joins(source))
    sources = (source, *(join.source for join in joins))
    where = draw(st.one_of(st.none(), _predicates(sources)))
    query = Query(source, joins, where, (key,))
    if draw(st.booleans()):
        return draw(_grouped(query, sources))
    partition_by = explode = None
    if source == "S" and not joins:
        partition_by = draw(st.sampled_from([None, Expr("S.G")]))
        explode = draw(st.sampled_from([None, "S.XS"]))
    key = partition_by or key
    # A key column may not be selected twice.
    columns = st.one_of(_number(sources), _text(sources)).filter(lambda e: e.column != key.column)
    items = tuple(draw(st.lists(columns, min_size=1, max_size=3)))
    return Query(source, joins, where, (key,), items, partition_by, explode)


def _values(source: str) -> st.SearchStrategy[dict[str, object]]:
    # What joins on a text has to meet a key, so texts are keys of the other side too.
    texts = st.sampled_from(["a", "b", "x", None])
    fields: dict[str, st.SearchStrategy[object]] = {
        NUMBERS[source]: _numbers,
        TEXTS[source]: texts,
    }
    if source == "S":
        fields["XS"] = st.one_of(st.none(), st.lists(_numbers, max_size=3))
    return st.fixed_dictionaries(fields)


@st.composite
def _records(draw: st.DrawFn, sources: Sequence[str]) -> list[Drawn]:
    """Records whose time goes on with some steps back, and now and then a jump."""
    found = []
    time_ms = START_MS
    keys = st.sampled_from(draw(st.sampled_from([KEYS, KEYS[:1], KEYS[:2]])))
    with_nulls = draw(st.booleans())
    for _ in range(draw(st.integers(1, RECORDS_MAX))):
        source = draw(st.sampled_from(sources))
        time_ms += 1000 * draw(_seconds) + draw(st.sampled_from([0, 0, 1]))
        value = _values(source)
        found.append(
            Drawn(
                source,
                draw(keys),
                draw(st.one_of(value, value, st.none()) if with_nulls else value),
                max(time_ms, 0),
            )
        )
    return found


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    """A query, records for what it reads, and a cut."""
    query = draw(queries())
    records = draw(_records(query.sources))
    restarts = st.sampled_from([None, None, None, None, True, False])
    if draw(st.booleans()):
        epochs = [Epoch(1, None)] * len(records)
    else:
        sizes = draw(st.lists(st.integers(1, 7), max_size=5))
        epochs = [Epoch(size, draw(restarts)) for size in sizes]
    return Trial(query, tuple(records), tuple(epochs))


def common_order(records: Sequence[tuple[TopicPartition, int]]) -> list[int]:
    """In which order an epoch takes records: by the running maximum of time in each partition."""
    newest: dict[TopicPartition, int] = {}
    ranks = []
    for index, (place, time_ms) in enumerate(records):
        newest[place] = max(newest.get(place, -1), time_ms)
        ranks.append((newest[place], place, index))
    return [index for _, _, index in sorted(ranks)]


def cuts_of(epochs: Sequence[Epoch], places: Sequence[TopicPartition]) -> list[tuple[Cut, Epoch]]:
    """Where each epoch ends; `places` are the records' in the common order."""
    done: Counter[TopicPartition] = Counter()
    found: list[tuple[Cut, Epoch]] = []
    start = 0
    for epoch in [*epochs, Epoch(len(places), None)]:
        mine = places[start : start + epoch.count]
        if mine:
            done.update(mine)
            start += len(mine)
            found.append((dict(done), Epoch(len(mine), epoch.restart)))
    return found
