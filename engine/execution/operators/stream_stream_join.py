"""Stream-stream joins within a time window.

Batch: rows of both streams → joined rows, in the order of the row that completes each pair, then by
    event time of the buffered one.
State: both sides' rows, kept for before + after + grace by the largest event time of that side.
Time: a row moves its partition's stream time, then is judged by it. Without GRACE an unmatched row
    of an outer side is given at once; with GRACE it is held until stream time has passed its window
    and the grace period: that of its own partition while rows keep their key, else the least of
    all. A late row is not kept, but still looks for partners.
Source: parity/semantics.md, joins, stream–stream, and section 12, items 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine.duck import Duck, identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.stream_time import (
    advance,
    bounds_by_partition,
    own_time_sql,
    stream_time_sql,
    watermark,
)
from merganser.engine.execution.rows import Changes, ErrorCheck, Rows
from merganser.engine.execution.topology import Epoch
from merganser.engine.plan.nodes import JoinNode
from merganser.engine.plan.partitions import moves_keys
from merganser.engine.schema import Role

DEFAULT_GRACE_MS = 24 * 3_600_000
_LAST = 1 << 26  # A `$seq` behind all of an epoch; with a stride it still is a BIGINT.
_OUTER = {"INNER": "", "LEFT": "l", "RIGHT": "r", "FULL": "lr"}


@dataclass(frozen=True, slots=True)
class _Side:
    """One side: its rows, its key expression, its buffer, and how far its partners may lie.

    Attributes:
        back_ms, ahead_ms: A partner's time is in [t − back, t + ahead].
        outer: Unmatched rows of this side are given too.
    """

    mark: str
    rows: Rows
    key: str
    back_ms: int
    ahead_ms: int
    outer: bool
    buffer: str
    fresh: str


class StreamStreamJoinOperator:
    """Buffers both sides and pairs each arriving row with what the other side holds."""

    def __init__(
        self, node: JoinNode, left: Rows, right: Rows, index: int, *, stride: int | None = None
    ) -> None:
        """`stride`: how `$seq` goes on, for a join above that compares it with its other side's.

        It stays that of the row that completes a pair, times this, and a number behind. None: rows
        are counted anew.
        """
        self._stride = stride
        assert node.before_ms is not None
        assert node.after_ms is not None
        before, after = node.before_ms, node.after_ms
        if node.kind == "RIGHT":  # ksqlDB turns it around and makes it a LEFT join.
            before, after = after, before
        outer = _OUTER[node.kind]
        left_key = compile_expression(node.left_key)
        right_key = compile_expression(node.right_key)
        self._node = node
        self._operator = f"join_{index}"
        self._grace_ms = node.grace_ms
        self._rekeyed = moves_keys(node)
        self._out = identifier(f"$join_{index}")
        self._left = _Side(
            "l", left, left_key.sql, before, after, "l" in outer,
            f"left_{index}", identifier(f"$left_{index}"),
        )  # fmt: skip
        self._right = _Side(
            "r", right, right_key.sql, after, before, "r" in outer,
            f"right_{index}", identifier(f"$right_{index}"),
        )  # fmt: skip
        self._checks = left.checks + right.checks
        for rows, compiled, key in (
            (left, left_key, node.left_key),
            (right, right_key, node.right_key),
        ):
            self._checks += ErrorCheck.of(rows.source, compiled, "ON", key)

    @property
    def rows(self) -> Rows:
        """The rows that the step leaves."""
        return Rows(
            self._out,
            self._node.schema,
            Changes.STREAM,
            self._left.rows.windowed,
            ordered=False,
            checks=self._checks,
        )

    def prepare(self, duck: Duck, state: str) -> None:
        """Creates both buffers."""
        key = physical_type(self._node.left_key.result_type)
        for side in (self._left, self._right):
            columns = [f"{identifier(c.name)} {physical_type(c.type)}" for c in side.rows.schema]
            columns += [f'"$key" {key}', '"$rowtime" BIGINT', '"$partition" INTEGER']
            columns += ['"$offset" BIGINT', '"$arrival" BIGINT', '"$matched" BOOLEAN']
            if side.rows.windowed:
                columns += ['"$window_start" BIGINT', '"$window_end" BIGINT']
            duck.execute(
                f"CREATE TABLE IF NOT EXISTS {identifier(state)}.main.{identifier(side.buffer)} "
                f"({', '.join(columns)})"
            )

    def run(self, epoch: Epoch) -> None:
        """Joins the epoch's rows, gives what is due unmatched, keeps and expires."""
        for side in (self._left, self._right):
            self._take(epoch, side)
        self._number_arrivals(epoch)
        parts = [
            self._pairs(epoch, self._left, self._right),
            self._pairs(epoch, self._right, self._left),
        ]
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._pairs_name} AS {' UNION ALL '.join(parts)}"
        )
        outputs = [self._joined()]
        outputs += [self._unmatched(side) for side in (self._left, self._right) if side.outer]
        due = [side for side in (self._left, self._right) if side.outer]
        for side in (self._left, self._right):
            self._keep(epoch, side)
        if self._grace_ms is not None and due:
            outputs += [self._due(epoch, side) for side in due]
        # Partners come by time, then as they arrived; held rows by time, right side first, and key.
        order = '"$seq", "$order", "$then", "$arrival", "$came"'
        if self._grace_ms is not None and due:
            order = order.replace('"$arrival"', '"$side", "$held", "$arrival"')
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {self._out} AS SELECT * REPLACE "
            f'({self._numbered(order)} AS "$seq") '
            f"FROM ({' UNION ALL BY NAME '.join(outputs)})"
        )
        self._forget(epoch, due)

    def _numbered(self, order: str) -> str:
        if self._stride is None:
            return f"row_number() OVER (ORDER BY {order}) - 1"
        number = f'row_number() OVER (PARTITION BY "$seq" ORDER BY {order})'
        return f'"$seq" * {self._stride} + {number} - 1'

    @property
    def _pairs_name(self) -> str:
        return identifier(f"$pairs_{self._operator}")

    @property
    def _times(self) -> str:
        return identifier(f"$times_{self._operator}")

    @property
    def _lateness_ms(self) -> int:
        return self._grace_ms if self._grace_ms is not None else DEFAULT_GRACE_MS

    def _take(self, epoch: Epoch, side: _Side) -> None:
        """The side's rows of the epoch, with their key. A row without value joins nothing."""
        epoch.duck.execute(
            f"CREATE OR REPLACE TEMP TABLE {side.fresh} AS "
            f'SELECT *, {side.key} AS "$key" FROM {side.rows.source} WHERE NOT "$tombstone"'
        )

    def _number_arrivals(self, epoch: Epoch) -> None:
        """What the times of both sides were when each row came, and what follows for it.

        `$late`: its window is over by the time of both sides, so that it is not held. `$expired`:
        too old for its own side's buffer.
        `$oldest`: what the other side's buffer still holds.
        """
        both = " UNION ALL ".join(
            f'SELECT \'{side.mark}\' AS side, "$partition", "$rowtime", "$seq" FROM {side.fresh}'
            for side in (self._left, self._right)
        )
        bounds = bounds_by_partition(epoch, f"({both})")
        timed = self._times
        own_times = [
            stream_time_sql(
                epoch, self._own(side), f"CASE WHEN side = '{side.mark}' THEN \"$rowtime\" END"
            )
            + f" AS {side.mark}_time"
            for side in (self._left, self._right)
        ]
        epoch.duck.execute(
            f'CREATE OR REPLACE TEMP TABLE {timed} AS SELECT side, "$seq", "$partition", '
            f'{", ".join(own_times)}, {stream_time_sql(epoch, self._operator)} AS "$stream_time" '
            f"FROM ({both})"
        )
        advance(epoch, self._operator, bounds)
        for side, other in ((self._left, self._right), (self._right, self._left)):
            reach = side.ahead_ms + (DEFAULT_GRACE_MS if self._grace_ms is None else 0)
            late = f'"$rowtime" + {reach} < t."$stream_time"'
            own_bounds = bounds_by_partition(epoch, side.fresh)
            epoch.duck.execute(
                f'CREATE OR REPLACE TEMP TABLE {side.fresh} AS SELECT f.*, {late} AS "$late", '
                f'"$rowtime" < t.{side.mark}_time - {self._kept_ms(side)} AS "$expired", '
                f't."$stream_time", '
                f'coalesce(t.{other.mark}_time, -1) - {self._kept_ms(other)} AS "$oldest" '
                f'FROM {side.fresh} AS f JOIN {timed} AS t USING ("$seq") '
                f"WHERE t.side = '{side.mark}'"
            )
            advance(epoch, self._own(side), own_bounds)

    def _own(self, side: _Side) -> str:
        """Under which a side's own stream time is kept."""
        return f"{self._operator}:{side.mark}"

    def _kept_ms(self, side: _Side) -> int:
        """How long a side's rows are kept, by that side's own stream time."""
        return side.back_ms + side.ahead_ms + self._lateness_ms

    def _pairs(self, epoch: Epoch, new: _Side, other: _Side) -> str:
        """Pairs that a new row of one side completes: with the buffer and with earlier rows."""
        # With no grace a buffer that covers no time holds nothing (semantics 12, item 3).
        keeps_nothing = new.back_ms + new.ahead_ms == 0 and self._grace_ms == 0
        near = (
            f'b."$key" = n."$key" AND b."$rowtime" BETWEEN n."$rowtime" - {new.back_ms} '
            f'AND n."$rowtime" + {new.ahead_ms} AND b."$rowtime" >= n."$oldest"'
        )
        # A held row that was due before it met this one has been given, whatever the epochs.
        in_time = (
            f'n."$stream_time" <= b."$rowtime" + {other.ahead_ms + self._lateness_ms} AS in_time'
        )
        if keeps_nothing:
            near += " AND FALSE"
        here = f"'{new.mark}'"
        windows = ""
        if new.rows.windowed:
            windows = (
                ' AND b."$window_start" = n."$window_start" AND b."$window_end" = n."$window_end"'
            )
        # Where both sides read one topic a record comes to the left side first, then meets itself.
        earlier = "<=" if new is self._right else "<"
        buffered = (
            f'SELECT {here} AS side, n."$seq" AS n_seq, CAST(NULL AS BIGINT) AS b_seq, '
            f'b."$arrival" AS b_arrival, b."$rowtime" AS b_time, {in_time} '
            f"FROM {new.fresh} AS n JOIN {epoch.table(other.buffer)} AS b ON {near}{windows}"
        )
        fresh = (
            f'SELECT {here} AS side, n."$seq" AS n_seq, b."$seq" AS b_seq, '
            f'CAST(NULL AS BIGINT) AS b_arrival, b."$rowtime" AS b_time, {in_time} '
            f"FROM {new.fresh} AS n JOIN {other.fresh} AS b ON {near}{windows} "
            f'AND b."$seq" {earlier} n."$seq" AND NOT b."$expired"'
        )
        self._other_buffer = epoch.table
        return f"{buffered} UNION ALL {fresh}"

    def _joined(self) -> str:
        """The rows of all pairs."""
        parts = []
        for new, other in ((self._left, self._right), (self._right, self._left)):
            for buffered in (True, False):
                source = self._buffer_view(other) if buffered else other.fresh
                on = 'b."$arrival" = p.b_arrival' if buffered else 'b."$seq" = p.b_seq'
                sides = {new.mark: "n", other.mark: "b"}
                parts.append(
                    f"SELECT {self._columns(sides)}, "
                    'greatest(n."$rowtime", b."$rowtime") AS "$rowtime", '
                    f'{self._engine("n", new)}, 0 AS "$order", p.b_time AS "$then", '
                    'p.b_arrival AS "$arrival", p.b_seq AS "$came" '
                    f"FROM {self._pairs_name} AS p "
                    f'JOIN {new.fresh} AS n ON n."$seq" = p.n_seq '
                    f"JOIN {source} AS b ON {on} WHERE p.side = '{new.mark}'"
                )
        return "(" + " UNION ALL BY NAME ".join(f"({part})" for part in parts) + ")"

    def _buffer_view(self, side: _Side) -> str:
        return self._other_buffer(side.buffer)

    def _columns(self, sides: dict[str, str]) -> str:
        """The output's SQL columns; a side that is not there gives NULL."""
        names = {column.name for column in self._left.rows.schema}
        columns = []
        for column in self._node.schema:
            name = identifier(column.name)
            place = sides.get("l" if column.name in names else "r")
            sql = f"{place}.{name}" if place else f"CAST(NULL AS {physical_type(column.type)})"
            if column.role is Role.KEY and not self._left.rows.windowed:
                sql = f'{next(iter(sides.values()))}."$key"'
            columns.append(f"{sql} AS {name}")
        return ", ".join(columns)

    def _engine(self, place: str, side: _Side, headers: str | None = None) -> str:
        columns = [
            f'{place}."$partition" AS "$partition"',
            f'{place}."$offset" AS "$offset"',
            f'{place}."$seq" AS "$seq"',
            f'{headers or place + "." + chr(34) + "$headers" + chr(34)} AS "$headers"',
            'FALSE AS "$tombstone"',
        ]
        if side.rows.windowed:
            columns += [
                f'{place}."$window_start" AS "$window_start"',
                f'{place}."$window_end" AS "$window_end"',
            ]
        return ", ".join(columns)

    def _unmatched(self, side: _Side) -> str:
        """New rows of an outer side that met nobody: at once without GRACE, or if late."""
        at_once = "TRUE" if self._grace_ms is None else '(n."$late" OR n."$key" IS NULL)'
        return (
            f'(SELECT {self._columns({side.mark: "n"})}, n."$rowtime" AS "$rowtime", '
            f'{self._engine("n", side)}, 0 AS "$order", n."$rowtime" AS "$then" '
            f"FROM {side.fresh} AS n WHERE {at_once} AND NOT EXISTS "
            f"(SELECT 1 FROM {self._pairs_name} AS p "
            f"WHERE p.side = '{side.mark}' AND p.n_seq = n.\"$seq\"))"
        )

    def _keep(self, epoch: Epoch, side: _Side) -> None:
        """Moves the new rows into the buffer and notes which rows have met a partner."""
        table = epoch.table(side.buffer)
        if side.outer and self._grace_ms is not None:
            epoch.duck.execute(
                f'UPDATE {table} SET "$matched" = TRUE WHERE NOT "$matched" AND "$arrival" IN '
                f"(SELECT b_arrival FROM {self._pairs_name} "
                f"WHERE side <> '{side.mark}' AND in_time)"
            )
        # A late row that met nobody has been given already, so it is done with as well.
        met = (
            f'("$late" OR "$seq" IN (SELECT n_seq FROM {self._pairs_name} '
            f"WHERE side = '{side.mark}') OR \"$seq\" IN (SELECT b_seq FROM {self._pairs_name} "
            f"WHERE side <> '{side.mark}' AND b_seq IS NOT NULL AND in_time))"
        )
        names = [identifier(column.name) for column in side.rows.schema]
        names += ['"$key"', '"$rowtime"', '"$partition"', '"$offset"']
        if side.rows.windowed:
            names += ['"$window_start"', '"$window_end"']
        epoch.duck.execute(
            f'INSERT INTO {table} BY NAME SELECT {", ".join(names)}, {met} AS "$matched", '
            f'(SELECT coalesce(max("$arrival"), -1) FROM {table}) + 1 '
            '+ row_number() OVER (ORDER BY "$seq") AS "$arrival" '
            f'FROM {side.fresh} WHERE NOT "$expired" AND "$key" IS NOT NULL'
        )

    def _due(self, epoch: Epoch, side: _Side) -> str:
        """Held rows whose time is over and that met nobody, in front of the row that ended it."""
        after = side.ahead_ms + self._lateness_ms
        windows = ', "$window_start", "$window_end"' if side.rows.windowed else ""
        held = (
            f'(SELECT * FROM {epoch.table(side.buffer)} WHERE NOT "$matched" '
            f'AND "$rowtime" + {after} < {self._passed(epoch)})'
        )
        place = "0" if self._rekeyed else 'coalesce("$partition", 0)'
        marks = (
            '(SELECT "$place", "$mark", min("$seq") AS "$since" FROM (SELECT "$seq", '
            f'{place} AS "$place", max("$stream_time") OVER (PARTITION BY {place} '
            f'ORDER BY "$seq") AS "$mark" FROM {self._times}) GROUP BY "$place", "$mark")'
        )
        same = "0" if self._rekeyed else 'coalesce(n."$partition", 0)'
        return (
            f'(SELECT {self._columns({side.mark: "n"})}, n."$rowtime" AS "$rowtime", '
            'n."$partition" AS "$partition", n."$offset" AS "$offset", '
            f'coalesce(t."$since", {_LAST}) AS "$seq", NULL AS "$headers", '
            'FALSE AS "$tombstone", -1 AS "$order", n."$rowtime" AS "$then", '
            f'{int(side is self._left)} AS "$side", n."$key" AS "$held", '
            f'n."$arrival"{windows} '
            f"FROM {held} AS n ASOF LEFT JOIN {marks} AS t "
            f'ON {same} = t."$place" AND n."$rowtime" + {after} < t."$mark")'
        )

    def _passed(self, epoch: Epoch) -> str:
        """The stream time by which a held row is judged, as SQL over the buffer."""
        if self._rekeyed:
            return str(watermark(epoch, self._operator))
        return own_time_sql(epoch, self._operator)

    def _forget(self, epoch: Epoch, due: list[_Side]) -> None:
        """Notes which held rows were given, and removes rows whose time is over."""
        for side in (self._left, self._right):
            table = epoch.table(side.buffer)
            if self._grace_ms is not None and side in due:
                after = side.ahead_ms + self._lateness_ms
                epoch.duck.execute(
                    f'UPDATE {table} SET "$matched" = TRUE '
                    f'WHERE NOT "$matched" AND "$rowtime" + {after} < {self._passed(epoch)}'
                )
            oldest = watermark(epoch, self._own(side)) - self._kept_ms(side)
            if oldest > 0:
                epoch.duck.execute(f'DELETE FROM {table} WHERE "$rowtime" < {oldest}')
