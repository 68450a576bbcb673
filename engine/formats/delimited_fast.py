"""DELIMITED reading in SQL: lines without quotes, whose fields are spelled as one would expect.

A value is taken if its text could not mean another value, or none, to the exact reading. All else
(quoted fields, several lines, `+1`, `1d`, `1e2` for a DECIMAL, wrong counts) is left to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merganser.engine.duck import literal, physical_type
from merganser.engine.formats.batch_decoder import Carefulness, Tally
from merganser.engine.formats.json_leaves import made_temporal
from merganser.engine.schema import Column
from merganser.engine.types import DecimalType, Kind, ScalarType, SqlType
from merganser.errors import InternalError


def _reading(sql_type: SqlType, text: str, value: str) -> tuple[str, str]:
    """SQL of a field's value, and whether it is certain; from its text, NULL if empty."""
    match sql_type:
        case ScalarType(Kind.STRING):
            return text, "TRUE"
        case ScalarType(Kind.BOOLEAN):
            return f"(lower({text}) = 'true')", "TRUE"
        case ScalarType(Kind.INTEGER | Kind.BIGINT as kind):
            return f"TRY_CAST({text} AS {kind.value})", f"CAST({value} AS VARCHAR) = {text}"
        case ScalarType(Kind.TIME | Kind.DATE | Kind.TIMESTAMP as kind):
            number = f"TRY_CAST({text} AS BIGINT)"
            canonical = f"CAST({number} AS VARCHAR) = {text}"
            return made_temporal(kind, text), f"{value} IS NOT NULL AND {canonical}"
        case ScalarType(Kind.DOUBLE):
            # DuckDB's own: underscores. Its infinities and NaN have more spellings than Java's.
            return f"TRY_CAST({text} AS DOUBLE)", f"isfinite({value}) AND NOT contains({text}, '_')"
        case ScalarType(Kind.BYTES):
            return f"TRY(from_base64({text}))", f"to_base64({value}) = {text}"
        case DecimalType(_, scale):
            plain = literal(rf"-?[0-9]+(\.[0-9]{{1,{scale}}})?" if scale else "-?[0-9]+")
            read = f"TRY_CAST({text} AS {physical_type(sql_type)})"
            return read, f"{value} IS NOT NULL AND regexp_full_match({text}, {plain})"
        case _:
            raise InternalError(f"no DELIMITED text of {sql_type.sql()}")


class DelimitedFastPath:
    """Reads batches of plain lines. `delimiter` is the separating letter itself."""

    def __init__(self, columns: Sequence[Column], delimiter: str) -> None:
        self._columns = columns
        self._delimiter = delimiter
        self._carefulness = Carefulness()

    def prepare(self, head: Callable[[], Sequence[bytes | None]]) -> None:
        """There is nothing to learn."""

    def select(self, source: str, payload: str) -> str:
        """The batch decoded, as `FastPath` says."""
        fields = [f"nullif(f[{i + 1}], '') AS l{i}" for i in range(len(self._columns))]
        readings = [_reading(c.type, f"l{i}", f"c{i}") for i, c in enumerate(self._columns)]
        values = [f"{value} AS c{i}" for i, (value, _) in enumerate(readings)]
        sure = [
            "t IS NOT NULL",
            f"len(f) = {len(self._columns)}",
            "t <> ''",
            *(f"NOT contains(t, {letter})" for letter in ("'\"'", "chr(10)", "chr(13)")),
            *(
                f"coalesce({certain}, l{i} IS NULL)"
                for i, (_, certain) in enumerate(readings)
                if certain != "TRUE"
            ),
        ]
        text = self._carefulness.text(source, payload)
        split = f"SELECT p, t, string_split(t, {literal(self._delimiter)}) AS f FROM ({text})"
        results = ", ".join(f"c{i}" for i in range(len(self._columns)))
        return (
            f"SELECT {results}, NOT coalesce(p IS NULL OR ({' AND '.join(sure)}), FALSE) "
            f"AS suspect, p IS NOT NULL AND t IS NULL AS broken FROM (SELECT *, "
            f"{', '.join(values)} FROM (SELECT p, t, f, {', '.join(fields)} FROM ({split})))"
        )

    def review(self, source: str, payload: str) -> None:
        """There is no surer statement."""
        del source, payload

    def learn(self, tally: Tally, suspects: Sequence[bytes | None]) -> None:
        """Turns careful for a while if rows were no UTF-8."""
        del suspects
        self._carefulness.learn(tally)
