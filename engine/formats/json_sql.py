"""JSON reading in SQL, for whole batches: the values, and which rows they are not sure for.

A row is sure if its text is proven to be what the values say. The proof is by lengths: an object
without blanks is as long as its braces, commas, keys and values, so that nothing else can stand in
it (no second spelling of a key, no key twice, no trailing comma, which DuckDB would let pass). Rows
of other texts are compared key by key with the key lists met before. All else is read exactly.
Decision: docs/decisions/0002-json-decoding.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merganser.engine.duck import identifier, literal, physical_type
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
)
from merganser.engine.formats.json_shapes import KeyPlan, Keys, Shape, json_text
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

_NESTED = (ArrayType, MapType, StructType)
# What DuckDB's parser lets pass and Jackson's does not.
_LENIENCIES = r",\s*[\]}]|[:,\[\s]-?(?i:nan|inf)"
_MANY_DIGITS = rf"[0-9][0-9.]{{{DIGITS_MAX + 1}}}"
_REAL = "[0-9][.e]"
_BARE_BYTES = len(f'{{"{BARE_KEY}":}}')
_ENDS = [f"{last}}}" for last in '"0123456789el']  # Of an object whose last value is a scalar.


def _member(struct: str, key: str) -> str:
    return f'CAST({struct}."{key.replace(chr(34), chr(34) * 2)}" AS VARCHAR)'


def _size(key: str) -> int:
    """The bytes of a key in an object, with its quotes, its colon and one comma."""
    return len(json_text(key).encode()) + 2


def can_share_struct(keys: Sequence[str]) -> bool:
    """Whether a DuckDB struct and JSON paths can have these names; letter case does not count."""
    plain = not any(key == "" or '"' in key or "\\" in key for key in keys)
    return plain and len({key.lower() for key in keys}) == len(keys)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of an object: its key, and SQL of its value's length in bytes, NULL if it is null."""

    key: str
    length: str


def _exact_length(length: str, fields: Sequence[_Field]) -> str:
    """Whether a text of this length holds exactly these fields, none of them null; NULL for no."""
    size = 1 + sum(_size(field.key) for field in fields)
    return f"{length} = {' + '.join([str(size), *(field.length for field in fields)])}"


def _length(text: str, fields: Sequence[_Field], *, count_nulls: bool) -> str:
    """Whether the text, an object, holds some of these fields and nothing else.

    A field that is null may stand there as `null`, which is only looked for if there is no nested
    value that can hold the same.
    """
    parts = ["1"]
    for field in fields:
        size = _size(field.key)
        absent = "0"
        if count_nulls:
            written = literal(f"{json_text(field.key)}:null")
            absent = f"CASE WHEN contains({text}, {written}) THEN {size + 4} ELSE 0 END"
        parts.append(f"coalesce({field.length} + {size}, {absent})")
    return f"(strlen({text}) = {' + '.join(parts)} OR {text} = '{{}}')"


def _keys_known(text: str, known: Sequence[Keys]) -> str:
    if not known:
        return "FALSE"
    lists = ", ".join("[" + ", ".join(map(literal, keys)) + "]::VARCHAR[]" for keys in known)
    return f"starts_with({text}, '{{') AND coalesce(json_keys({text}) IN ({lists}), FALSE)"


class _Names:
    """Fresh lambda parameters."""

    def __init__(self) -> None:
        self._count = 0

    def next(self) -> str:
        self._count += 1
        return f"j{self._count}"


def _bind(value: str, name: str, body: str) -> str:
    """SQL's missing `let`: the body, in which `name` stands for the value."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def _nested(sql_type: SqlType, leaf: str, shape: Shape | None, names: _Names) -> str:
    """A struct `v` (the value), `ok` (certain) from a leaf; NULL for a NULL leaf."""
    match sql_type:
        case ArrayType(element):
            items = f"""from_json({leaf}, '["JSON"]')"""
            item, read = names.next(), names.next()
            inner = _nested(element, f"CAST({item} AS VARCHAR)", shape, names)
            values = f"list_transform({items}, lambda {item}: {inner})"
            body = _collected(read, f"starts_with({leaf}, '[')", f"{_each(read, 'v', names)}")
            return _present(leaf, _bind(values, read, body))
        case MapType(_, element):
            entries, entry, read = names.next(), names.next(), names.next()
            inner = _nested(element, f"CAST({entry}.value AS VARCHAR)", shape, names)
            pair = f"struct_pack(k := {entry}.key, n := {inner})"
            values = f"list_transform(map_entries({entries}), lambda {entry}: {pair})"
            made = names.next()
            pairs = (
                f"map_from_entries(list_transform({read}, lambda {made}: "
                f"struct_pack(k := {made}.k, v := {made}.n.v)))"
            )
            oks = names.next()
            ok = (
                f"coalesce(list_bool_and(list_transform({read}, lambda {oks}: "
                f"coalesce({oks}.n.ok, TRUE))), TRUE) AND {read} IS NOT NULL"
            )
            body = _bind(values, read, f"struct_pack(v := {pairs}, ok := {ok})")
            source = f"""from_json({leaf}, '"MAP(VARCHAR,JSON)"')"""
            return _present(leaf, _bind(source, entries, body))
        case StructType():
            assert shape is not None
            return _present(leaf, _struct(sql_type, leaf, shape, names))
        case _:
            value = names.next()
            read_as = read_leaf(sql_type, leaf, value)
            return _bind(
                read_as.value,
                value,
                f"struct_pack(v := {value}, ok := {or_null(read_as.sure, leaf)})",
            )


def _present(leaf: str, body: str) -> str:
    return f"CASE WHEN {leaf} IS NOT NULL THEN {body} END"


def _each(read: str, member: str, names: _Names) -> str:
    item = names.next()
    return f"list_transform({read}, lambda {item}: {item}.{member})"


def _collected(read: str, start: str, values: str) -> str:
    oks = f"list_transform({read}, lambda o: coalesce(o.ok, TRUE))"
    ok = f"{start} AND {read} IS NOT NULL AND coalesce(list_bool_and({oks}), TRUE)"
    return f"struct_pack(v := {values}, ok := {ok})"


def _struct(struct_type: StructType, leaf: str, shape: Shape, names: _Names) -> str:
    """A nested object. Its leaf has no blanks and no trailing commas: lengths are exact."""
    plan = shape.plan()
    keys = [plan.keys[field.name] for field in struct_type.fields]
    if not can_share_struct(keys):
        unread = f"CAST(NULL AS {physical_type(struct_type)})"
        return f"struct_pack(v := {unread}, ok := FALSE)"
    found, values = names.next(), names.next()
    spec = json_text(dict.fromkeys(keys, "JSON"))
    leaves = [_member(found, key) for key in keys]
    members = ", ".join(
        f"f{index} := {_nested(field.type, text, shape.inner.get(field.name), names)}"
        for index, (field, text) in enumerate(zip(struct_type.fields, leaves, strict=True))
    )
    fields = [_Field(key, f"strlen({text})") for key, text in zip(keys, leaves, strict=True)]
    proof = _length(leaf, fields, count_nulls=False)
    listed = (
        f"{_keys_known(leaf, plan.known)} AND NOT regexp_matches({leaf}, {literal(_LENIENCIES)})"
    )
    certain = " AND ".join(f"coalesce({values}.f{index}.ok, TRUE)" for index in range(len(keys)))
    ok = (
        f"starts_with({leaf}, '{{') AND CASE WHEN {proof} THEN TRUE ELSE {listed} END AND {certain}"
    )
    result = ", ".join(
        f"{identifier(field.name)} := {values}.f{index}.v"
        for index, field in enumerate(struct_type.fields)
    )
    body = f"struct_pack(v := struct_pack({result}), ok := {ok})"
    read = _bind(f"struct_pack({members})", values, body)
    return _bind(f"from_json({leaf}, {literal(spec)})", found, read)


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
    """One statement's view of the columns: their keys, and those read only to be measured."""

    shape: Shape
    plan: KeyPlan
    keys: tuple[str, ...]
    others: tuple[str, ...]


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
        self._is_flat = not any(isinstance(column.type, _NESTED) for column in columns)

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
        if not can_share_struct(keys):
            return None
        others = plan.others if len(plan.others) <= OTHERS_MAX else ()
        return _Reading(shape, plan, keys, others if can_share_struct([*keys, *others]) else ())

    def _select(self, rows: str, reading: _Reading, sure: str) -> str:
        """The statement over `rows`, which have payload `p`, object `x` and what `sure` needs."""
        leaves = [f"{_member('x', key)} AS l{i}" for i, key in enumerate(reading.keys)]
        leaves += [f"{_member('x', key)} AS o{i}" for i, key in enumerate(reading.others)]
        values = [f"{self._value(i, reading.shape)} AS c{i}" for i in range(len(self._columns))]
        results = [
            f"CAST(c{i}.v AS {physical_type(column.type)}) AS c{i}"
            if _is_nested(column)
            else f"c{i}"
            for i, column in enumerate(self._columns)
        ]
        return (
            f"SELECT {', '.join(results)}, NOT coalesce(p IS NULL OR ({sure}), FALSE) AS suspect, "
            f"p IS NOT NULL AND x IS NULL AS broken FROM (SELECT *, {', '.join(values)} FROM ("
            f"SELECT *, {', '.join(leaves)} FROM ({rows})))"
        )

    def _spec(self, reading: _Reading) -> str:
        spec = {
            key: "VARCHAR" if column.type == STRING else "JSON"
            for key, column in zip(reading.keys, self._columns, strict=True)
        } | dict.fromkeys(reading.others, "JSON")
        return literal(json_text(spec))

    def _object(self, text: str) -> str:
        """The text of an object, from that of the payload."""
        return text if self._wrapped else f"""'{{"{BARE_KEY}":' || {text} || '}}'"""

    def _rows(self, source: str, payload: str, reading: _Reading) -> str:
        """Payload, object and the text `t`, for rows of which none is broken so far."""
        text = self._object("TRY(decode(p))")
        return (
            f"SELECT p, t, TRY(from_json(t, {self._spec(reading)})) AS x "
            f"FROM (SELECT p, {text} AS t FROM (SELECT {payload} AS p FROM {source}))"
        )

    def _rows_without_text(self, source: str, payload: str, reading: _Reading) -> str:
        """The same without the text. One TRY costs nothing, two do."""
        text = self._object("decode(p)")
        return (
            f"SELECT p, TRY(from_json({text}, {self._spec(reading)})) AS x "
            f"FROM (SELECT {payload} AS p FROM {source})"
        )

    def _careful_rows(self, source: str, payload: str, reading: _Reading) -> str:
        """The same for rows of which some are broken."""
        text = careful_text(f"SELECT {payload} AS p FROM {source}")
        read = f"from_json(t, {self._spec(reading)})"
        return (
            f"SELECT p, t, CASE WHEN json_valid(t) THEN {read} END AS x "
            f"FROM (SELECT p, {self._object('t')} AS t FROM ({text}))"
        )

    def _value(self, index: int, shape: Shape) -> str:
        column = self._columns[index]
        if column.type == STRING:
            return f"l{index}"
        if _is_nested(column):
            return _nested(column.type, f"l{index}", shape.inner.get(self._names[index]), _Names())
        return read_leaf(column.type, f"l{index}", f"c{index}").value

    def _sure(self, index: int) -> list[str]:
        """Whether the value is right if the leaf is; STRING columns are looked at elsewhere."""
        column = self._columns[index]
        if column.type == STRING:
            return []
        if _is_nested(column):
            return [f"c{index}.ok"]
        return [read_leaf(column.type, f"l{index}", f"c{index}").sure]

    def _quick_proof(self, reading: _Reading, habits: Habits) -> str:
        """Only conditions that are cheap for every row: what must be branched on comes later."""
        tests: list[tuple[int, str]] = []
        for index, column in enumerate(self._columns):
            tests += [(index, test) for test in self._sure(index)]
            if column.type == STRING and index not in habits.doubtful:
                tests.append((index, string_is_clear(f"l{index}")))
            if habits.is_compact:
                tests += [(index, test) for test in self._tight(index)]
        if habits.has_nulls:
            parts = [or_null(test, f"l{index}") for index, test in tests]
        else:
            parts = [test for _, test in tests]
        if habits.doubtful:
            parts.append(self._are_strings(sorted(habits.doubtful), reading))
        if habits.is_compact:
            parts += [other_is_tight(f"o{i}") for i in range(len(reading.others))]
            parts.append(self._length_proof(reading, has_nulls=habits.has_nulls))
        else:
            parts += self._key_proof(reading)
        return " AND ".join(parts)

    def _key_proof(self, reading: _Reading) -> list[str]:
        parts = [_keys_known("s", reading.plan.known)]
        if self._is_flat and not reading.plan.others:
            # All values are scalars and were looked at: only a last comma is left.
            parts.append(f"p[-2:] IN ({', '.join(map(literal, _ENDS))})")
        else:
            parts.append(f"NOT regexp_matches(t, {literal(_LENIENCIES)})")
        if self._has_decimals:
            parts.append(f"NOT regexp_matches(t, {literal(_MANY_DIGITS)})")
        return parts

    def _full_proof(self, reading: _Reading) -> str:
        listed = [
            _keys_known("s", reading.plan.known),
            f"NOT regexp_matches(t, {literal(_LENIENCIES)})",
        ]
        if self._has_decimals:
            listed.append(f"NOT regexp_matches(t, {literal(_MANY_DIGITS)})")
        indexes = range(len(self._columns))
        short = [or_null(test, f"l{i}") for i in indexes for test in self._tight(i)]
        short += [other_is_tight(f"o{i}") for i in range(len(reading.others))]
        short.append(self._length_proof(reading, has_nulls=True))
        sure = [or_null(test, f"l{i}") for i in indexes for test in self._sure(i)]
        parts = [
            *sure,
            f"CASE WHEN {' AND '.join(short)} THEN TRUE ELSE {' AND '.join(listed)} END",
        ]
        strings = [i for i in indexes if self._columns[i].type == STRING]
        if strings:
            clear = " AND ".join(string_is_certain(f"l{i}") for i in strings)
            asked = self._are_strings(strings, reading)
            parts.append(f"CASE WHEN {clear} THEN TRUE ELSE {asked} END")
        return f"x IS NOT NULL AND {' AND '.join(parts)}"

    def _are_strings(self, indexes: Sequence[int], reading: _Reading) -> str:
        """Whether these columns were JSON strings, or null."""
        paths = ", ".join(literal("$." + json_text(reading.keys[i])) for i in indexes)
        kinds = f"list_transform(json_type(s, [{paths}]), lambda k: coalesce(k, 'NULL'))"
        return f"list_has_all(['VARCHAR', 'NULL'], {kinds})"

    def _tight(self, index: int) -> list[str]:
        column, leaf = self._columns[index], f"l{index}"
        if column.type == STRING:
            return []
        if _is_nested(column):
            return [f"NOT regexp_matches({leaf}, '{_REAL}')"]
        tight = read_leaf(column.type, leaf, f"c{index}").tight
        if tight is None:
            return []
        return [tight, few_digits(leaf)] if isinstance(column.type, DecimalType) else [tight]

    def _length_proof(self, reading: _Reading, *, has_nulls: bool) -> str:
        fields = [
            _Field(key, f"strlen(l{i})" + (" + 2" if column.type == STRING else ""))
            for i, (key, column) in enumerate(zip(reading.keys, self._columns, strict=True))
        ]
        fields += [_Field(key, f"strlen(o{i})") for i, key in enumerate(reading.others)]
        if not has_nulls:
            around = 0 if self._wrapped else _BARE_BYTES
            return _exact_length(f"octet_length(p) + {around}", fields)
        return f"starts_with(t, '{{') AND {_length('t', fields, count_nulls=self._is_flat)}"


def _is_nested(column: Column) -> bool:
    return isinstance(column.type, _NESTED)


def _with_safe_text(rows: str) -> str:
    """Adds `s`, the text without those that make functions fail.

    Guarding the functions by a CASE does not do: DuckDB takes what stands twice in it out of it.
    """
    return f"SELECT *, CASE WHEN x IS NOT NULL THEN t END AS s FROM ({rows})"
