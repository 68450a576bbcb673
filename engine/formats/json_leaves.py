"""SQL that turns the text of one JSON value into a column's value, and says where it is sure.

A leaf is what `from_json` gives for the type JSON: the value's text as DuckDB spells it, NULL for
null. "Certain" means: the value is the one that `json_exact` reads. "Tight" means: the leaf is not
longer than the text it was read from, so that lengths can prove what stands in a record.
"""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine.types import DecimalType, Kind, ScalarType, SqlType
from merganser.errors import InternalError

DIGITS_MAX = 15  # So many digits survive DuckDB's reading of a number as DOUBLE.
_DATE_DAYS_SURE = 2_000_000_000  # Short of the ends, which the exact reading treats.
_TIMESTAMP_MS_SURE = 9_200_000_000_000_000
_DAY_MS_LAST = 86_399_999


@dataclass(frozen=True, slots=True)
class Leaf:
    """How a leaf is read. The tests say nothing of a NULL leaf.

    Attributes:
        value: SQL of the value.
        sure: SQL from leaf and value: the value is certain. May be NULL for no, too.
        tight: SQL from leaf and value; None if all leaves are that are certain.
    """

    value: str
    sure: str
    tight: str | None = None


def read_leaf(sql_type: SqlType, leaf: str, value: str) -> Leaf:
    """The reading of a leaf of a scalar type, where `value` names the column of the result."""
    match sql_type:
        case ScalarType(Kind.BOOLEAN):
            return Leaf(f"({leaf} = 'true')", f"{leaf} IN ('true', 'false')")
        case ScalarType(Kind.INTEGER | Kind.BIGINT as kind):
            return Leaf(f"TRY_CAST({leaf} AS {kind.value})", _whole(leaf, value))
        case ScalarType(Kind.TIME | Kind.DATE | Kind.TIMESTAMP as kind):
            return Leaf(made_temporal(kind, leaf), _whole(leaf, value))
        case ScalarType(Kind.DOUBLE):
            # Adding zero takes the sign off a negative one, as Java's BigDecimal has none.
            read = f"(TRY_CAST({leaf} AS DOUBLE) + 0.0::DOUBLE)"
            return Leaf(read, f"isfinite({value})", _tight(value))
        case ScalarType(Kind.STRING):
            return Leaf(_unquoted(leaf), f"starts_with({leaf}, '\"')")
        case ScalarType(Kind.BYTES):
            decoded = f"TRY(from_base64({leaf}[2:-2]))"
            same = f"'\"' || to_base64({value}) || '\"' = {leaf}"
            return Leaf(f"CASE WHEN starts_with({leaf}, '\"') THEN {decoded} END", same)
        case DecimalType(_, scale):
            sure = f"{value} IS NOT NULL AND {_fits(leaf, scale)}"
            tight = _tight(f"TRY_CAST({leaf} AS DOUBLE)")
            return Leaf(f"TRY_CAST({leaf} AS {_decimal(sql_type)})", sure, tight)
        case _:
            raise InternalError(f"{sql_type.sql()} is no leaf")


def or_null(test: str, leaf: str) -> str:
    """A test that holds for NULL leaves, too, and is never NULL."""
    return f"({leaf} IS NULL OR coalesce({test}, FALSE))"


def _whole(leaf: str, value: str) -> str:
    """A number without a fraction; DuckDB would round one, ksqlDB cuts it off."""
    return f"{value} IS NOT NULL AND NOT contains({leaf}, '.')"


def made_temporal(kind: Kind, leaf: str) -> str:
    """TIME, DATE or TIMESTAMP from the text of a number, NULL where it may be out of range."""
    number = f"TRY_CAST({leaf} AS BIGINT)"
    match kind:
        case Kind.TIME:
            within, made = f"0 AND {_DAY_MS_LAST}", f"CAST(epoch_ms({number}) AS TIME)"
        case Kind.DATE:
            within = f"-{_DATE_DAYS_SURE} AND {_DATE_DAYS_SURE}"
            made = f"DATE '1970-01-01' + TRY_CAST({leaf} AS INTEGER)"
        case _:
            within = f"-{_TIMESTAMP_MS_SURE} AND {_TIMESTAMP_MS_SURE}"
            made = f"epoch_ms({number})"
    return f"CASE WHEN {number} BETWEEN {within} THEN {made} END"


def _tight(double: str) -> str:
    """Not so for numbers that an exponent makes shorter: `100.0` may stand for `1e2`."""
    plain = f"abs({double}) BETWEEN 0.01 AND 1e15 AND {double} / 10 <> floor({double} / 10)"
    return f"({plain} OR {double} = 0)"


def _fits(leaf: str, scale: int) -> str:
    """No exponent, and not more digits behind the point than the type has."""
    digits = f"strlen({leaf}) - strpos({leaf}, '.')"
    return f"NOT contains({leaf}, 'e') AND (NOT contains({leaf}, '.') OR {digits} <= {scale})"


def few_digits(leaf: str) -> str:
    """The leaf of a number has the very digits that were written, if its length is right, too."""
    return f"(strlen({leaf}) <= {DIGITS_MAX + 1} OR NOT contains({leaf}, '.'))"


def _decimal(decimal_type: DecimalType) -> str:
    return f"DECIMAL({decimal_type.precision}, {decimal_type.scale})"


def _unquoted(leaf: str) -> str:
    plain = f"substring({leaf}, 2, length({leaf}) - 2)"
    escaped = f"json_extract_string({leaf}, '$')"
    return f"CASE WHEN contains({leaf}, '\\') THEN {escaped} ELSE {plain} END"


NUMBER_LETTERS = "-0123456789[{"
"""First letters of JSON texts that are neither strings nor words."""

WORD_LETTERS = "tfnNiI"
"""First letters of `true`, `false`, `null`, and of words that DuckDB takes for numbers."""


def _codes(letters: str) -> str:
    return ", ".join(str(ord(letter)) for letter in letters)


_NUMBER_CODES = _codes(NUMBER_LETTERS)
_DOUBTFUL_CODES = _codes(NUMBER_LETTERS + WORD_LETTERS)
_WORDS = "'true', 'false', 'nan', 'inf', 'infinity'"


def string_is_clear(text: str) -> str:
    """Whether a string that `from_json` gave for the type VARCHAR was a JSON string for sure.

    Anything else comes with its JSON text, so that the first letter tells. NULL for NULL.
    """
    return f"ascii({text}) NOT IN ({_DOUBTFUL_CODES})"


def string_is_no_word(text: str) -> str:
    """The same with a look at whole words; still not for strings that a number may begin."""
    return f"(ascii({text}) NOT IN ({_NUMBER_CODES}) AND lower({text}) NOT IN ({_WORDS}))"


def string_is_certain(text: str) -> str:
    """The same by a closer look at strings with a doubtful first letter."""
    code = f"ascii({text})"
    doubtful = f"{code} IN ({_DOUBTFUL_CODES})"
    word = f"lower({text}) IN ({_WORDS})"
    number = f"(translate({text}, '0123456789+-.eE', '') = '' OR {text} >= '-:' AND {text} < '.')"
    return (
        f"CASE WHEN {doubtful} THEN CASE WHEN {code} < 58 THEN NOT {number} "
        f"WHEN {code} IN (91, 123) THEN FALSE ELSE NOT {word} END ELSE TRUE END"
    )


def other_is_tight(leaf: str) -> str:
    """Whether the leaf of a key that no column has is a valid scalar, and tight."""
    number = (
        f"({leaf} < '-:' OR {leaf} >= '0') AND NOT contains({leaf}, 'e') AND "
        f"(NOT contains({leaf}, '.') OR {leaf} = '0.0' OR (NOT suffix({leaf}, '0.0') "
        f"AND coalesce(abs(TRY_CAST({leaf} AS DOUBLE)) BETWEEN 0.01 AND 1e15, FALSE)))"
    )
    return (
        f"CASE WHEN {leaf} IS NULL OR {leaf} < '-' THEN TRUE "
        f"WHEN {leaf} >= ':' THEN {leaf} IN ('true', 'false') ELSE {number} END"
    )
