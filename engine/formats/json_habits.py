"""How the records of a topic are written: learned from samples, to choose the cheapest proof.

A wrong guess costs time and never a wrong value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merganser.engine.formats.json_leaves import NUMBER_LETTERS, WORD_LETTERS
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
        wordy: STRING columns, by place, with strings such as `no`, which begin as `null` does.
    """

    is_compact: bool = True
    has_nulls: bool = False
    doubtful: frozenset[int] = frozenset()
    wordy: frozenset[int] = frozenset()

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
        strings = {
            index: [str(row.get(key) or "")[:1] for row in rows if type(row.get(key)) is str]
            for index, (key, column) in enumerate(zip(keys, columns, strict=True))
            if column.type == STRING
        }
        return cls(
            compact >= _MOST * len(sample),
            nulls > few,
            _places(strings, NUMBER_LETTERS, few),
            _places(strings, WORD_LETTERS, few),
        )


def _is_compact(record: Sample) -> bool:
    return record.text == _shortest(record.node)


def _places(strings: Mapping[int, Sequence[str]], letters: str, few: float) -> frozenset[int]:
    """Where more than a few strings begin with one of these letters."""
    return frozenset(
        place
        for place, firsts in strings.items()
        if sum(first != "" and first in letters for first in firsts) > few
    )


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
