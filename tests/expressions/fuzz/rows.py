"""The columns that generated expressions run over, and rows of them."""

from __future__ import annotations

import datetime as dt
import math
import random
from decimal import Decimal

import pyarrow as pa

from merganser.engine.duck import physical_name
from tests.expressions.fuzz.model import Value, decimal_shape, element

COLUMNS = {
    "I": "INT",
    "J": "INT",
    "L": "BIGINT",
    "M": "BIGINT",
    "D": "DOUBLE",
    "E": "DOUBLE",
    "N": "DECIMAL(6,2)",
    "O": "DECIMAL(10,4)",
    "S": "STRING",
    "T": "STRING",
    "U": "STRING",
    "B": "BOOLEAN",
    "C": "BOOLEAN",
    "Y": "BYTES",
    "DT": "DATE",
    "TM": "TIME",
    "TS": "TIMESTAMP",
    "AI": "ARRAY<INT>",
    "AS_": "ARRAY<STRING>",
    "AD": "ARRAY<DOUBLE>",
    "MI": "MAP<STRING, INT>",
    "MS": "MAP<STRING, STRING>",
    "ST": "STRUCT<X INT, Y STRING, Z ARRAY<INT>, W DOUBLE, V BIGINT>",
}
FIELDS = {"X": "INT", "Y": "STRING", "Z": "ARRAY<INT>", "W": "DOUBLE", "V": "BIGINT"}
"""Those of the column ST. DuckDB holds them otherwise than columns, which has led to mistakes."""

NULL_SHARE = 0.12

INTS = (0, 1, -1, 2, 3, 5, 7, -7, 10, 100, -100, 2**31 - 1, -(2**31), 12345)
BIGINTS = (0, 1, -1, 2, 3, 5000000000, -5000000000, 2**63 - 1, -(2**63), 2**31, 77)
DOUBLES = (
    *(0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 1e10, -1e10, 1e300, 1e-5, 123456.789),
    *(1e20, -1e20, 1e7, 9999999.0, 0.001, 1e-300, math.nan, math.inf, -math.inf, 3.0, 7.25),
)
TEXTS = (
    *("", "a", "b", "abc", "Abc", "aXbXc", "X", "aa", "ab", " a ", "null", "true", "yes", "no"),
    *("1", "-1", "12", "1.5", " 7 ", "1e3", "99999999999", "2020-02-29", "2020-02", "01:30"),
    *("2020-02-29T01:30:15.123", "é", "世界", "😀", "a😀b", "a\nb", "%", "_", "a_c", "a%c", "\\"),
    *("AQI=", "x,y,,z", "Hello World", "\uffee"),
)
RAWS = (b"", b"\x01", b"\x01\x02", b"abc", b"\x00", b"\x7f\x80", b"\xff")
DATES = (dt.date(1970, 1, 1), dt.date(2020, 2, 29), dt.date(1969, 12, 31), dt.date(2024, 7, 1))
CLOCKS = (dt.time(0), dt.time(1, 30), dt.time(23, 59, 59, 999000), dt.time(12, 0, 5))


def random_value(kind: str, rng: random.Random, null_share: float = NULL_SHARE) -> Value:
    """A value of a type, often an odd one."""
    if rng.random() < null_share:
        return None
    if kind.startswith("ARRAY"):
        return [random_value(element(kind), rng) for _ in range(rng.choice((0, 1, 2, 3, 4)))]
    if kind.startswith("MAP"):
        inner = kind.removeprefix("MAP<STRING, ").removesuffix(">")
        keys = rng.sample(("a", "b", "c", "", "é"), rng.choice((0, 1, 2, 3)))
        return {key: random_value(inner, rng) for key in keys}
    if kind.startswith("STRUCT"):
        return {name: random_value(inner, rng) for name, inner in FIELDS.items()}
    return _scalar(kind, rng)


_ARROW = {
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "STRING": pa.string(),
    "BOOLEAN": pa.bool_(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP": pa.timestamp("us"),
}


def arrow_type(kind: str) -> pa.DataType:
    """The type in which the engine takes values of a SQL type."""
    if kind.startswith("DECIMAL"):
        return pa.decimal128(*decimal_shape(kind))
    if kind.startswith("ARRAY"):
        return pa.list_(arrow_type(element(kind)))
    if kind.startswith("MAP"):
        inner = kind.removeprefix("MAP<STRING, ").removesuffix(">")
        return pa.map_(pa.string(), arrow_type(inner))
    if kind.startswith("STRUCT"):
        return pa.struct([(physical_name(n), arrow_type(k)) for n, k in FIELDS.items()])
    return _ARROW[kind]


def _scalar(kind: str, rng: random.Random) -> Value:
    if kind.startswith("DECIMAL"):
        precision, scale = decimal_shape(kind)
        digits = rng.randint(1, precision)
        return Decimal(rng.randint(-(10**digits) + 1, 10**digits - 1)).scaleb(-scale)
    match kind:
        case "INT":
            return rng.choice(INTS) if rng.random() < 0.7 else rng.randint(-50, 50)
        case "BIGINT":
            return rng.choice(BIGINTS) if rng.random() < 0.7 else rng.randint(-(10**12), 10**12)
        case "DOUBLE":
            return rng.choice(DOUBLES) if rng.random() < 0.8 else rng.uniform(-1000, 1000)
        case "STRING":
            return rng.choice(TEXTS)
        case "BOOLEAN":
            return rng.random() < 0.5
        case "BYTES":
            return rng.choice(RAWS)
        case "DATE":
            return rng.choice(DATES)
        case "TIME":
            return rng.choice(CLOCKS)
        case "TIMESTAMP":
            return dt.datetime.combine(rng.choice(DATES), rng.choice(CLOCKS))
        case _:
            raise AssertionError(kind)
