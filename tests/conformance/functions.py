"""The functions that only ksqlDB's own tests have, written as users write functions.

They are declared in worker processes only, so that no other test sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from merganser import aggregate_function, scalar_function, table_function
from merganser.engine.java_numbers import decimal_text, double_text

_STRUCT = "STRUCT<A STRING>"
_Row = dict[str, object]


class _EverySecondCall:
    """Gives NULL at the 1st, 3rd, 5th … call and its argument at the others."""

    def __init__(self) -> None:
        self.call_count = 0

    def __call__(self, value: str | None) -> str | None:
        self.call_count += 1
        return None if self.call_count % 2 else value


_every_second_call = _EverySecondCall()


def reset_calls() -> None:
    """Starts the count of calls anew: each case has its own."""
    _every_second_call.call_count = 0


def register_test_functions() -> None:
    """Declares the functions; once a process is enough."""
    _declare_scalars()
    _declare_tables()
    _declare_test_udaf()
    _declare_variadic_aggregates()
    _declare_aggregates_with_start()
    _declare_appending_aggregates()


# ------------------------------------------------------------------ scalars


def _declare_scalars() -> None:
    for types, text in (
        (["INT!", "STRING"], "doStuffIntString"),
        (["BIGINT!", "STRING"], "doStuffLongString"),
        (["BIGINT!", "BIGINT!", "STRING"], "doStuffLongLongString"),
        (["BIGINT!..."], "doStuffLongVarargs"),
    ):
        scalar_function(name="TEST_UDF", types=types, returns="STRING")(_constant(text))

    @scalar_function(name="TEST_UDF", types=[_STRUCT], returns="STRING", null_call=False)
    def field_of(struct: _Row) -> object:
        return struct["A"]

    @scalar_function(name="TEST_UDF", returns=_STRUCT)
    def new_struct() -> _Row:
        return {"A": "foo"}

    @scalar_function(name="BAD_UDF", types=["INT!"], returns="STRING")
    def always_bad(_number: int) -> str:
        raise ValueError("boom")

    @scalar_function(name="BAD_UDF", types=["BOOLEAN!"], returns="INT")
    def bad_if(is_bad: bool) -> int:
        if is_bad:
            raise ValueError("boom")
        return 0

    @scalar_function(name="BAD_UDF")
    def every_second(value: str | None) -> str | None:
        return _every_second_call(value)

    for name, kind in (("WHENCONDITION", "BOOLEAN"), ("WHENRESULT", "INT")):
        scalar_function(name=name, types=[f"{kind}!", "BOOLEAN!"], returns=kind)(_if_wanted)


def _constant(text: str) -> Callable[..., str]:
    def give(*_values: object) -> str:
        return text

    return give


def _if_wanted(value: object, wanted: bool) -> object:
    if not wanted:
        raise ValueError("it should not have been evaluated")
    return value


# ------------------------------------------------------------------ table functions


_SEVEN = ["INT", "BIGINT", "DOUBLE", "BOOLEAN", "STRING", "DECIMAL", _STRUCT]


def _declare_tables() -> None:
    @table_function(name="THROWING_UDTF", types=["BOOLEAN!"])
    def throwing(is_bad: bool) -> list[bool]:
        if is_bad:
            raise ValueError("boom")
        return [is_bad]

    for kind in ("INT!", "BIGINT!", "BOOLEAN!", "DOUBLE", "STRING", _STRUCT):
        table_function(name="TEST_UDTF", types=[kind], returns=kind.rstrip("!"))(_alone)
    table_function(name="TEST_UDTF", types=["DECIMAL"], returns="DECIMAL(30, 10)")(_alone)
    letters = "ABCDEFG"  # Seven types, whatever they are: a DECIMAL inside has its own scale.
    arrays = [f"ARRAY<{letter}>" for letter in letters]
    maps = [f"MAP<{'K' if letter == 'A' else 'STRING'}, {letter}>" for letter in letters]
    for types in (_SEVEN, arrays, maps):
        table_function(name="TEST_UDTF", types=types, returns="STRING")(_texts)


def _alone(value: object) -> list[object]:
    return [value]


def _texts(*values: object) -> list[str | None]:
    """The seven arguments, or the first value of each array or map, as Java text."""
    return [_java_text(value) for value in values]


def _java_text(value: object) -> str | None:
    match value:
        case None:
            return None
        case [first, *_]:
            return _java_text(first)
        case {"A": str(text), **others} if not others:
            return f"Struct{{A={text}}}"
        case dict():
            return _java_text(next(iter(value.values())))
        case bool():
            return str(value).lower()
        case float():
            return double_text(value)
        case Decimal():
            return decimal_text(value)
        case _:
            return str(value)


# ------------------------------------------------------------------ aggregates


class _Sum:
    """A sum; what is added for a row is said by the classes below."""

    def initialise(self) -> int:
        return 0

    def merge(self, older: int, newer: int) -> int:
        return older + newer


@dataclass
class _AAndB:
    a: int
    b: int


def _length(*texts: str | None) -> int:
    return sum(len(text) for text in texts if text is not None)


def _declare_test_udaf() -> None:
    @aggregate_function(name="TEST_UDAF", null_call=False)
    class SumOfNumbers(_Sum):
        def add(self, total: int, number: int) -> int:
            return total + number

        def undo(self, total: int, number: int) -> int:
            return total - number

    @aggregate_function(name="TEST_UDAF", null_call=False)
    class SumOfDoubles:
        def initialise(self) -> float:
            return 0.0

        def add(self, total: float, number: float) -> float:
            return total + number

        def merge(self, older: float, newer: float) -> float:
            return older + newer

    integers = "STRUCT<A INT, B INT>"

    @aggregate_function(
        name="TEST_UDAF", types=[integers], state=integers, returns=integers, null_call=False
    )
    class SumOfStructs:
        def initialise(self) -> _Row:
            return {"A": 0, "B": 0}

        def add(self, total: dict[str, int], row: dict[str, int | None]) -> dict[str, int]:
            return {name: total[name] + (row[name] or 0) for name in total}

        def merge(self, older: dict[str, int], newer: dict[str, int]) -> dict[str, int]:
            return {name: older[name] + newer[name] for name in older}

    @aggregate_function(name="TEST_UDAF")
    class SumOfLengths(_Sum):
        def __init__(self, start: str) -> None:
            self.start = len(start)

        def add(self, total: int, text: str | None) -> int:
            return total + _length(text)

        def result(self, total: int) -> int:
            return total + self.start


def _declare_variadic_aggregates() -> None:
    class NumbersAndTexts(_Sum):
        def add(self, total: int, number: int | None, *texts: str | None) -> int:
            return total + (number or 0) + _length(*texts)

    @aggregate_function(name="VAR_ARG")
    class VarArg(NumbersAndTexts):
        pass

    @aggregate_function(name="MID_VAR_ARG")
    class MidVarArg(NumbersAndTexts):
        def __init__(self, first: int, second: int) -> None:
            self.start = first + second

        def result(self, total: int) -> int:
            return total + self.start


class _WithStart(_Sum):
    """A sum with a start of a number and texts."""

    def __init__(self, number: int, *texts: str) -> None:
        self.start = number + _length(*texts)

    def result(self, total: int) -> int:
        return total + self.start


def _declare_aggregates_with_start() -> None:
    @aggregate_function(name="MULTI_ARG")
    class MultiArg(_WithStart):
        def add(self, total: int, number: int | None, text: str | None) -> int:
            return total + (number or 0) + _length(text)

    @aggregate_function(name="FOUR_ARG")
    class FourArg(_WithStart):
        def add(
            self, total: int, number: int | None, a: str | None, b: str | None, c: str | None
        ) -> int:
            return total + (number or 0) + _length(a, b, c)

    @aggregate_function(name="FIVE_ARG", types=["BIGINT", "STRING", "STRING", "STRING", "INT"])
    class FiveArg(_WithStart):
        def add(self, total: int, number: int | None, *others: str | int | None) -> int:
            *texts, last = others
            lengths = _length(*(text for text in texts if isinstance(text, str)))
            return total + (number or 0) + lengths + int(last or 0)


def _declare_appending_aggregates() -> None:
    class Appending:
        """Appends the first argument of each row in which no argument is NULL."""

        def initialise(self) -> list[object]:
            return []

        def add(self, state: list[object], first: object, *_others: object) -> list[object]:
            return [*state, first]

        def merge(self, older: list[object], newer: list[object]) -> list[object]:
            return older + newer

    for name, types, kind in (
        ("GENERIC_VAR_ARG", ["A", "B", "C..."], "ARRAY<A>"),
        ("OBJ_COL_ARG", ["INT", "ANY..."], "ARRAY<INT>"),
    ):
        aggregate_function(name=name, types=types, state=kind, returns=kind, null_call=False)(
            Appending
        )
