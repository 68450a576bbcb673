"""JSON reading in SQL, for whole batches: the values, and which rows they are not sure for.

A row is sure if its text is proven to be what the values say. The proof is by lengths: an object
without blanks is as long as its braces, commas, keys and values, so that nothing else can stand in
it (no second spelling of a key, no key twice, no trailing comma, which DuckDB would let pass). Rows
of other texts are compared key by key with the key lists met before. All else is read exactly.
Decision: docs/decisions/0002-json-decoding.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from merganser.engine.duck import literal, physical_type
from merganser.engine.formats.batch_decoder import careful_text
from merganser.engine.formats.json_habits import Habits
from merganser.engine.formats.json_leaves import (
    DIGITS_MAX,
    few_digits,
    or_null,
    other_is_tight,
    read_leaf,
    string_is_certain,
    string_is_clear,
    string_is_no_word,
)
from merganser.engine.formats.json_nested import (
    Nested,
    Tests,
    can_share_struct,
    key_bytes,
    keys_known,
    member,
)
from merganser.engine.formats.json_shapes import KeyPlan, Shape, json_text
from merganser.engine.schema import Column
from merganser.engine.types import (
    STRING,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructType,
)

OTHERS_MAX = 8  # More keys without a column cost more to measure than to compare.
BARE_KEY = "V"  # Under which a bare value is put into an object.

# What DuckDB's parser lets pass and Jackson's does not.
_LENIENCIES = r",\s*[\]}]|[:,\[\s]-?(?i:nan|inf)"
_MANY_DIGITS = rf"[0-9][0-9.]{{{DIGITS_MAX + 1}}}"
_BARE_BYTES = len(f'{{"{BARE_KEY}":}}')
_ENDS = [f"{last}}}" for last in '"0123456789el']  # Of an object whose last value is a scalar.


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of an object: its key, and SQL of its value's length in bytes, NULL if it is null."""

    key: str
    length: str


def _exact_length(length: str, fields: Sequence[_Field]) -> str:
    """Whether a text of this length holds exactly these fields, none of them null; NULL for no."""
    size = 1 + sum(key_bytes(field.key) for field in fields)
    return f"{length} = {' + '.join([str(size), *(field.length for field in fields)])}"


def _length(text: str, fields: Sequence[_Field], *, count_nulls: bool) -> str:
    """Whether the text, an object, holds some of these fields and nothing else.

    A field that is null may stand there as `null`, which is only looked for if there is no nested
    value that can hold the same.
    """
    parts = ["1"]
    for field in fields:
        size = key_bytes(field.key)
        absent = "0"
        if count_nulls:
            written = literal(f"{json_text(field.key)}:null")
            absent = f"CASE WHEN contains({text}, {written}) THEN {size + 4} ELSE 0 END"
        parts.append(f"coalesce({field.length} + {size}, {absent})")
    return f"(strlen({text}) = {' + '.join(parts)} OR {text} = '{{}}')"


def _types(sql_type: SqlType) -> Iterator[SqlType]:
    """The types inside a type, itself included."""
    yield sql_type
    match sql_type:
        case ArrayType(element):
            yield from _types(element)
        case MapType(_, value):
            yield from _types(value)
        case StructType(fields):
            for field in fields:
                yield from _types(field.type)
        case _:
            pass


@dataclass(frozen=True, slots=True)
class _Reading:
    """One statement's view of the columns.

    Attributes:
        keys: The key of each column.
        others: Keys that are read only to be measured.
        nested: The readings of ARRAY, MAP and STRUCT columns, by place.
        spec: What to ask `from_json` for.
    """

    plan: KeyPlan
    keys: tuple[str, ...]
    others: tuple[str, ...]
    nested: Mapping[int, Nested]
    spec: str


class JsonSql:
    """The SQL of one decoder.

    Args:
        columns: The columns of the key or value, at least one.
        wrapped: Whether they are the fields of an object; else the only column is the text's value.
    """

    def __init__(self, columns: Sequence[Column], *, wrapped: bool) -> None:
        self._columns = columns
        self._wrapped = wrapped
        self._names = [column.name for column in columns] if wrapped else [BARE_KEY]
        types = [inner for column in columns for inner in _types(column.type)]
        self._has_decimals = any(isinstance(inner, DecimalType) for inner in types)

    def quick(
        self, source: str, payload: str, shape: Shape, habits: Habits, *, careful: bool
    ) -> str | None:
        """The rows of `source` as `c0`, `c1`, …, `suspect`, `broken`; None if SQL cannot read them.

        `suspect`: the values may be wrong or the record may have to fail; only the proofs that the
        habits suggest are tried. `broken`: DuckDB takes the text for no JSON. Only a `careful`
        statement stays fast if there are broken rows.
        """
        reading = self._reading(shape)
        if reading is None:
            return None
        sure = f"x IS NOT NULL AND {self._quick_proof(reading, habits)}"
        if careful:
            rows = self._careful_rows(source, payload, reading)
        elif habits.is_compact and not habits.has_nulls and not habits.doubtful:
            return self._select(self._rows_without_text(source, payload, reading), reading, sure)
        else:
            rows = self._rows(source, payload, reading)
        return self._select(_with_safe_text(rows), reading, sure)

    def full(self, source: str, payload: str, shape: Shape) -> str | None:
        """The same with every proof there is, for rows that the quick ones left in doubt."""
        reading = self._reading(shape)
        if reading is None:
            return None
        rows = self._careful_rows(source, payload, reading)
        return self._select(_with_safe_text(rows), reading, self._full_proof(reading))

    def _reading(self, shape: Shape) -> _Reading | None:
        plan = shape.plan()
        keys = tuple(plan.keys.values())
        nested = {
            index: Nested(column.type, shape.inner.get(name))
            for index, (name, column) in enumerate(zip(self._names, self._columns, strict=True))
            if isinstance(column.type, ArrayType | MapType | StructType)
        }
        spec = {
            key: nested[i].spec() if i in nested else "VARCHAR" if column.type == STRING else "JSON"
            for i, (key, column) in enumerate(zip(keys, self._columns, strict=True))
        }
        if not can_share_struct(keys) or None in spec.values():
            return None
        others = plan.others if len(plan.others) <= OTHERS_MAX else ()
        if not can_share_struct([*keys, *others]):
            others = ()
        spec |= dict.fromkeys(others, "JSON")
        return _Reading(plan, keys, others, nested, literal(json_text(spec)))

    def _select(self, rows: str, reading: _Reading, sure: str) -> str:
        """The statement over `rows`, which have payload `p`, object `x` and what `sure` needs."""
        leaves = [
            member("x", key) if i in reading.nested else f"CAST({member('x', key)} AS VARCHAR)"
            for i, key in enumerate(reading.keys)
        ]
        named = [f"{leaf} AS l{i}" for i, leaf in enumerate(leaves)]
        named += [
            f"CAST({member('x', key)} AS VARCHAR) AS o{i}" for i, key in enumerate(reading.others)
        ]
        values = [f"{self._value(i, reading)} AS c{i}" for i in range(len(self._columns))]
        results = [
            f"CAST(c{i} AS {physical_type(column.type)}) AS c{i}"
            if i in reading.nested
            else f"c{i}"
            for i, column in enumerate(self._columns)
        ]
        return (
            f"SELECT {', '.join(results)}, NOT coalesce(p IS NULL OR ({sure}), FALSE) AS suspect, "
            f"p IS NOT NULL AND x IS NULL AS broken FROM (SELECT *, {', '.join(values)} FROM ("
            f"SELECT *, {', '.join(named)} FROM ({rows})))"
        )

    def _object(self, text: str) -> str:
        """The text of an object, from that of the payload."""
        return text if self._wrapped else f"""'{{"{BARE_KEY}":' || {text} || '}}'"""

    def _rows(self, source: str, payload: str, reading: _Reading) -> str:
        """Payload, object and the text `t`, for rows of which none is broken so far."""
        text = self._object("TRY(decode(p))")
        return (
            f"SELECT p, t, TRY(from_json(t, {reading.spec})) AS x "
            f"FROM (SELECT p, {text} AS t FROM (SELECT {payload} AS p FROM {source}))"
        )

    def _rows_without_text(self, source: str, payload: str, reading: _Reading) -> str:
        """The same without the text. One TRY costs nothing, two do."""
        text = self._object("decode(p)")
        return (
            f"SELECT p, TRY(from_json({text}, {reading.spec})) AS x "
            f"FROM (SELECT {payload} AS p FROM {source})"
        )

    def _careful_rows(self, source: str, payload: str, reading: _Reading) -> str:
        """The same for rows of which some are broken."""
        text = careful_text(f"SELECT {payload} AS p FROM {source}")
        read = f"from_json(t, {reading.spec})"
        return (
            f"SELECT p, t, CASE WHEN json_valid(t) THEN {read} END AS x "
            f"FROM (SELECT p, {self._object('t')} AS t FROM ({text}))"
        )

    def _value(self, index: int, reading: _Reading) -> str:
        column = self._columns[index]
        if index in reading.nested:
            return reading.nested[index].value(f"l{index}")
        if column.type == STRING:
            return f"l{index}"
        return read_leaf(column.type, f"l{index}", f"c{index}").value

    def _scalars(self, reading: _Reading) -> list[tuple[int, SqlType]]:
        """The columns that come as leaves of their own."""
        return [
            (index, column.type)
            for index, column in enumerate(self._columns)
            if index not in reading.nested and column.type != STRING
        ]

    def _strings(self) -> list[int]:
        return [index for index, column in enumerate(self._columns) if column.type == STRING]

    def _quick_proof(self, reading: _Reading, habits: Habits) -> str:
        """Only conditions that are cheap for every row: what must be branched on comes later."""
        tests = [(i, read_leaf(kind, f"l{i}", f"c{i}").sure) for i, kind in self._scalars(reading)]
        tests += [
            (i, (string_is_no_word if i in habits.wordy else string_is_clear)(f"l{i}"))
            for i in self._strings()
            if i not in habits.doubtful
        ]
        if habits.is_compact:
            tests += self._tight(reading)
        parts = [or_null(test, f"l{i}") if habits.has_nulls else test for i, test in tests]
        wanted = Tests(tight=habits.is_compact, clear=habits.is_compact)
        parts += [nested.sure(f"l{i}", wanted) for i, nested in reading.nested.items()]
        if habits.doubtful:
            flat = habits.is_compact and not reading.nested
            asked = self._begin_as_strings if flat else self._are_strings
            parts.append(asked(sorted(habits.doubtful), reading))
        if habits.is_compact:
            parts += [other_is_tight(f"o{i}") for i in range(len(reading.others))]
            parts.append(self._length_proof(reading, has_nulls=habits.has_nulls))
        else:
            parts += self._key_proof(reading)
        return " AND ".join(parts)

    def _key_proof(self, reading: _Reading) -> list[str]:
        """Whether the keys are known, and the text is JSON for Jackson, too."""
        known = keys_known("[json_keys(s)]", reading.plan.known)
        parts = ["starts_with(s, '{')", known if reading.plan.known else "FALSE"]
        if reading.nested or reading.plan.others:
            parts.append(f"NOT regexp_matches(t, {literal(_LENIENCIES)})")
        else:
            # All values are scalars and were looked at: only a last comma is left.
            parts.append(f"p[-2:] IN ({', '.join(map(literal, _ENDS))})")
        if self._has_decimals:
            parts.append(f"NOT regexp_matches(t, {literal(_MANY_DIGITS)})")
        for index, nested in reading.nested.items():
            path = "$." + json_text(reading.keys[index])
            parts += nested.key_tests("s", path, many=False)
        return parts

    def _full_proof(self, reading: _Reading) -> str:
        parts = [
            or_null(read_leaf(kind, f"l{i}", f"c{i}").sure, f"l{i}")
            for i, kind in self._scalars(reading)
        ]
        wanted = Tests(tight=False, clear=False)
        parts += [nested.sure(f"l{i}", wanted) for i, nested in reading.nested.items()]
        listed = " AND ".join(self._key_proof(reading))
        if reading.nested:
            parts.append(listed)
        else:
            short = [or_null(test, f"l{i}") for i, test in self._tight(reading)]
            short += [other_is_tight(f"o{i}") for i in range(len(reading.others))]
            short.append(self._length_proof(reading, has_nulls=True))
            parts.append(f"CASE WHEN {' AND '.join(short)} THEN TRUE ELSE {listed} END")
        if strings := self._strings():
            clear = " AND ".join(string_is_certain(f"l{i}") for i in strings)
            asked = self._are_strings(strings, reading)
            parts.append(f"CASE WHEN {clear} THEN TRUE ELSE {asked} END")
        return f"x IS NOT NULL AND {' AND '.join(parts)}"

    def _are_strings(self, indexes: Sequence[int], reading: _Reading) -> str:
        """Whether these columns were JSON strings, or null."""
        paths = ", ".join(literal("$." + json_text(reading.keys[i])) for i in indexes)
        kinds = f"list_transform(json_type(s, [{paths}]), lambda k: coalesce(k, 'NULL'))"
        return f"list_has_all(['VARCHAR', 'NULL'], {kinds})"

    def _begin_as_strings(self, indexes: Sequence[int], reading: _Reading) -> str:
        """The same for compact texts without nested values: a quote stands behind the key.

        Inside a string it would be behind a backslash, and a key twice would show in the length.
        """
        begun = {i: literal(f'{json_text(reading.keys[i])}:"') for i in indexes}
        return " AND ".join(f"(l{i} IS NULL OR contains(s, {text}))" for i, text in begun.items())

    def _tight(self, reading: _Reading) -> list[tuple[int, str]]:
        tests: list[tuple[int, str]] = []
        for index, kind in self._scalars(reading):
            tight = read_leaf(kind, f"l{index}", f"c{index}").tight
            if tight is not None:
                tests.append((index, tight))
            if isinstance(kind, DecimalType):
                tests.append((index, few_digits(f"l{index}")))
        return tests

    def _length_proof(self, reading: _Reading, *, has_nulls: bool) -> str:
        fields = []
        for i, key in enumerate(reading.keys):
            if i in reading.nested:
                size = reading.nested[i].size(f"l{i}")
            else:
                size = f"strlen(l{i})" + (" + 2" if self._columns[i].type == STRING else "")
            fields.append(_Field(key, size))
        fields += [_Field(key, f"strlen(o{i})") for i, key in enumerate(reading.others)]
        if not has_nulls:
            around = 0 if self._wrapped else _BARE_BYTES
            return _exact_length(f"octet_length(p) + {around}", fields)
        return f"starts_with(t, '{{') AND {_length('t', fields, count_nulls=not reading.nested)}"


def _with_safe_text(rows: str) -> str:
    """Adds `s`, the text without those that make functions fail.

    Guarding the functions by a CASE does not do: DuckDB takes what stands twice in it out of it.
    """
    return f"SELECT *, CASE WHEN x IS NOT NULL THEN t END AS s FROM ({rows})"
