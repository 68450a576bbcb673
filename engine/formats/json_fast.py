"""The SQL side of JSON decoding: what was learned about a topic, and how careful to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merganser.engine.formats.batch_decoder import Carefulness, Tally
from merganser.engine.formats.json_habits import Habits
from merganser.engine.formats.json_shapes import Shape, read_sample
from merganser.engine.formats.json_sql import BARE_KEY, JsonSql
from merganser.engine.schema import Column

HABIT_BATCHES = 50  # Habits are looked at again after so many batches,
DOUBTS_MAX = 0.05  # or when they were wrong for so many rows.


class JsonFastPath:
    """Reads batches of plain JSON in SQL.

    Args:
        columns: The columns of the key or value.
        wrapped: Whether they are the fields of an object; else the only column is the text's value.
    """

    def __init__(self, columns: Sequence[Column], *, wrapped: bool) -> None:
        self._sql = JsonSql(columns, wrapped=wrapped)
        self._wrapped = wrapped
        self._columns = columns
        names = [column.name for column in columns] if wrapped else [BARE_KEY]
        types = [column.type for column in columns]
        self._shape = Shape(list(zip(names, types, strict=True)))
        self._habits = Habits()
        self._habit_batches = 0
        self._carefulness = Carefulness()

    def prepare(self, head: Callable[[], Sequence[bytes | None]]) -> None:
        """Learns keys and habits of the batch to come from its first records, now and then."""
        if self._habit_batches:
            self._habit_batches -= 1
            return
        sample = read_sample(self._objects(head()))
        self._shape.observe(sample)
        self._habits = Habits.of(sample, self._columns, self._shape.plan())
        self._habit_batches = HABIT_BATCHES

    def _objects(self, payloads: Sequence[bytes | None]) -> Sequence[bytes | None]:
        if self._wrapped:
            return payloads
        opening = f'{{"{BARE_KEY}":'.encode()
        return [opening + text + b"}" if text is not None else None for text in payloads]

    def select(self, source: str, payload: str) -> str | None:
        """The batch decoded, as `FastPath` says."""
        careful = bool(self._carefulness)
        return self._sql.quick(source, payload, self._shape, self._habits, careful=careful)

    def review(self, source: str, payload: str) -> str | None:
        """The rows in doubt, by every proof there is."""
        return self._sql.full(source, payload, self._shape)

    def learn(self, tally: Tally, suspects: Sequence[bytes | None]) -> None:
        """Turns careful for a while if rows were broken; learns the keys of unknown records."""
        self._carefulness.learn(tally)
        self._shape.observe(read_sample(self._objects(suspects)))
        if tally.doubt_count > DOUBTS_MAX * tally.row_count:
            self._habit_batches = 0
