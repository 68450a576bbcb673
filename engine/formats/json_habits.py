"""How the records of a topic are written: learned from samples, to choose the cheapest proof.

A wrong guess costs time and never a wrong value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merganser.engine.formats.json_leaves import DOUBTFUL_LETTERS
from merganser.engine.formats.json_shapes import KeyPlan, Number, Pairs, Sample, json_text
from merganser.engine.schema import Column
from merganser.engine.types import STRING

_MOST = 0.9
_SOME = 0.02


@dataclass(frozen=True, slots=True)
class Habits:
    """What most records are like.

    Attributes:
        is_compact: No blanks, and numbers in their shortest form.
        has_nulls: Some columns are null or missing now and then.
        doubtful: STRING columns, by place, with strings such as `12`, which a number could be, too.
    """

    is_compact: bool = True
    has_nulls: bool = False
    doubtful: frozenset[int] = frozenset()

    @classmethod
    def of(cls, sample: Sequence[Sample], columns: Sequence[Column], plan: KeyPlan) -> Habits:
        """The habits that a sample shows."""
        if not sample:
            return cls()
        few = max(1.0, _SOME * len(sample))
        compact = sum(_is_compact(record) for record in sample)
        keys = list(plan.keys.values())
        rows = [dict(record.node) for record in sample]
        nulls = sum(any(row.get(key) is None for key in keys) for row in rows)
        doubtful = (
            index
            for index, (key, column) in enumerate(zip(keys, columns, strict=True))
            if column.type == STRING and sum(_is_doubtful(row.get(key)) for row in rows) > few
        )
        return cls(compact >= _MOST * len(sample), nulls > few, frozenset(doubtful))


def _is_compact(record: Sample) -> bool:
    return record.text == _shortest(record.node)


def _is_doubtful(value: object) -> bool:
    return type(value) is str and value != "" and value[0] in DOUBTFUL_LETTERS


def _shortest(node: object) -> str:
    """The shortest text of a value."""
    match node:
        case Number():
            return repr(float(node)) if "." in node else str(node)
        case Pairs():
            return "{" + ",".join(f"{json_text(k)}:{_shortest(v)}" for k, v in node) + "}"
        case list():
            return "[" + ",".join(map(_shortest, node)) + "]"
        case _:
            return json_text(node)
