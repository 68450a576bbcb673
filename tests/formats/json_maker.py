"""Makes up JSON records: ordinary ones, odd ones, and broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from merganser.engine.schema import Column
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructType,
)

_INTEGERS = (INTEGER, BIGINT, DATE, TIME, TIMESTAMP)

_NUMBERS: Sequence[Callable[[Random], str]] = (
    lambda r: str(r.randrange(-5, 200)),
    lambda r: str(r.randrange(10 ** r.randrange(1, 25))),
    lambda r: f"{r.uniform(-100, 100):.2f}",
    lambda r: repr(r.uniform(0, 1e6)),
    lambda r: repr(r.uniform(-1, 1) * 10.0 ** r.randrange(-30, 30)),
    lambda r: f"{r.randrange(1, 99)}e{r.randrange(-6, 8)}",
    lambda r: f"{r.randrange(100)}.{'0' * r.randrange(1, 20)}",
    lambda r: f"1.{'0' * r.randrange(1, 20)}1",
    lambda r: str(2**31 + r.randrange(-2, 2)),
    lambda r: str(2**63 + r.randrange(-2, 2)),
    lambda r: f"{10 * r.randrange(100)}.0",
    lambda r: f"0.00{r.randrange(1, 99)}",
    lambda r: r.choice(["-0", "-0.0", "0", "0.0", "100", "1.5e3", "1E400", "86400000"]),
    lambda r: r.choice(["9.999999999999999999", "123456789012345678901234567890.5"]),
)
_STRINGS = (
    "abc", "", "12", " 12 ", "1.5", "true", "[1]", "{}", "NaN", "inf", "-1", "-inf", "2024-01-01",
    "é😀", r"a\nb\u00e9\"\\", r"\ud83d\ude00", r"\ud800", "AQI=", "AQ", r"a\/b", "Item", "name",
    r"\"ID\":null", r'x\",\"A\":1',
)  # fmt: skip
_WORDS = ("true", "false", "null", "NaN", "-Infinity", "nan", "True", "[]", "{}", "null")
_OTHER_KEYS = ("extra", "EXTRA", "x1", "é", "Id")
_OTHER_VALUES = ("[1,]", '{"ID":1}', "[NaN]", '{"ID":null}', '{"A":[1, {"B":2.50}]}', "1.10")
_STYLES = ((",", ":"), (", ", ": "), (" ,\n", " :\t"))
_TAILS = (b" ", b"garbage", b"}", b"\0", b"\n", b"{}", b",", b',"V":2', b"}}")
_HEADS = (b" ", b"\xef\xbb\xbf", b"\n", b"{")
_WHOLES = (b"", b"null", b"1", b"[]", b'"x"', b"{}", b"  ", b"true", b"\xff", b"{")
_BYTES = b'{}[]",:0129eE.-+ \n\\nN'


class JsonMaker:
    """Makes records for columns, from a seeded generator.

    Args:
        oddity: How likely each odd thing is, from 0 (all ordinary) to 1.
    """

    def __init__(self, random: Random, *, oddity: float) -> None:
        self._random = random
        self._oddity = oddity

    def payloads(
        self, columns: Sequence[Column], count: int, *, wrapped: bool
    ) -> Iterator[bytes | None]:
        """So many payloads; few are NULL."""
        for _ in range(count):
            if self._seldom(0.01):
                yield None
                continue
            fields = [(column.name, column.type) for column in columns]
            text = self._object(fields) if wrapped else self._value(columns[0].type)
            yield self._damaged(text.encode("utf-8", "surrogatepass"))

    def _seldom(self, chance: float) -> bool:
        return self._random.random() < chance * self._oddity

    def _damaged(self, payload: bytes) -> bytes:
        random = self._random
        if self._seldom(0.05):
            return payload[: random.randrange(len(payload) + 1)]
        if self._seldom(0.05):
            place = random.randrange(len(payload))
            other = random.choice([random.randrange(256), *_BYTES])
            return payload[:place] + bytes([other]) + payload[place + 1 :]
        if self._seldom(0.03):
            return payload + random.choice(_TAILS)
        if self._seldom(0.02):
            return random.choice(_HEADS) + payload
        if self._seldom(0.03):
            return random.choice(_WHOLES)
        return payload

    def _scalar(self) -> str:
        kind = self._random.randrange(12)
        if kind < 5:
            return self._random.choice(_NUMBERS)(self._random)
        return f'"{self._random.choice(_STRINGS)}"' if kind < 9 else self._random.choice(_WORDS)

    def _value(self, sql_type: SqlType) -> str:
        if self._seldom(0.1):
            return self._scalar()
        if self._seldom(0.1):
            return "null"
        random = self._random
        match sql_type:
            case ArrayType(element):
                comma = "," if self._seldom(0.02) else ""
                items = (self._value(element) for _ in range(random.randrange(4)))
                return f"[{','.join(items)}{comma}]"
            case MapType(_, value):
                keys = random.sample("abAB", random.randrange(3))
                if keys and self._seldom(0.1):
                    keys.append(keys[0])
                return "{" + ",".join(f'"{key}":{self._value(value)}' for key in keys) + "}"
            case StructType(fields):
                return self._object([(field.name, field.type) for field in fields])
            case _:
                return self._plain(sql_type)

    def _plain(self, sql_type: SqlType) -> str:
        random = self._random
        if self._seldom(0.2) and sql_type not in (STRING, BOOLEAN, BYTES):
            return random.choice(_NUMBERS)(random)
        if sql_type == STRING:
            odd = random.choice(_STRINGS) if self._seldom(0.5) else f"user_{random.randrange(99)}"
            return f'"{odd}"'
        if sql_type == BOOLEAN:
            return random.choice(["true", "false"])
        if sql_type == BYTES:
            return random.choice(['"AQI="', '"AQ=="', '""', '"QUJD"'])
        if sql_type in _INTEGERS:
            return str(random.randrange(100_000))
        if isinstance(sql_type, DecimalType):
            return f"{random.uniform(1, 99):.{sql_type.scale}f}"
        return repr(round(random.uniform(0, 1_000), 2))

    def _object(self, fields: Sequence[tuple[str, SqlType]]) -> str:
        random = self._random
        lower = self._seldom(0.2)
        members: list[tuple[str, str]] = []
        for name, sql_type in fields:
            if self._seldom(0.06):
                continue
            key = name.lower() if lower else name
            if self._seldom(0.03):
                key = random.choice([name.lower(), name.upper(), name.swapcase(), name.title()])
            members.append((key, self._value(sql_type)))
            if self._seldom(0.02):
                members.append((random.choice([name, name.lower(), name.upper()]), self._scalar()))
        if self._seldom(0.1):
            random.shuffle(members)
        if self._seldom(0.1):
            other = random.choice([self._scalar(), random.choice(_OTHER_VALUES)])
            members.insert(random.randrange(len(members) + 1), (random.choice(_OTHER_KEYS), other))
        comma, colon = random.choice(_STYLES) if self._seldom(0.2) else _STYLES[0]
        text = comma.join(f"{self._key(key)}{colon}{value}" for key, value in members)
        return "{" + text + ("," if self._seldom(0.02) else "") + "}"

    def _key(self, key: str) -> str:
        return f'"\\u{ord(key[0]):04x}{key[1:]}"' if self._seldom(0.01) else f'"{key}"'
