"""SQL over what `from_json` gives for a column of any type: its value, and the tests of it.

Scalars come as leaves (`json_leaves`), STRINGs as VARCHAR; ARRAY, MAP and STRUCT hold such. One
lambda per ARRAY or MAP level and none else: DuckDB takes twice as long to bind each level deeper.
A NULL inside may be `null`, a missing field, or a value of another kind that DuckDB has dropped;
`size` is NULL where that would matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merganser.engine.duck import identifier, literal
from merganser.engine.formats.json_leaves import (
    few_digits,
    or_null,
    read_leaf,
    string_is_clear,
)
from merganser.engine.formats.json_shapes import Keys, Shape, json_text
from merganser.engine.types import (
    STRING,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructType,
)

NULL_BYTES = 4


def member(struct: str, key: str) -> str:
    """A field of a struct by its exact name."""
    return f'({struct})."{key.replace(chr(34), chr(34) * 2)}"'


def key_bytes(key: str) -> int:
    """The bytes of a key in an object, with its quotes, its colon and one comma."""
    return len(json_text(key).encode()) + 2


def can_share_struct(keys: Sequence[str]) -> bool:
    """Whether a DuckDB struct and JSON paths can have these names; letter case does not count."""
    plain = not any(key == "" or '"' in key or "\\" in key for key in keys)
    return plain and len({key.lower() for key in keys}) == len(keys)


def keys_known(keys: str, known: Sequence[Keys]) -> str:
    """Whether all lists of keys in a list are known."""
    lists = ", ".join("[" + ", ".join(map(literal, met)) + "]" for met in known)
    return f"list_has_all([{lists}]::VARCHAR[][], {keys})"


@dataclass(frozen=True, slots=True)
class Tests:
    """What `sure` looks at beyond the kinds of leaves.

    Attributes:
        tight: Whether the leaves are not longer than what they were read from.
        clear: Whether the first letters of strings show that they were JSON strings.
    """

    tight: bool
    clear: bool


class Nested:
    """The reading of one column, or of what is inside it.

    Args:
        shape: The keys of the objects in it, if there are any.
        depth: How many lambdas are around.
    """

    def __init__(self, sql_type: SqlType, shape: Shape | None, depth: int = 0) -> None:
        self._type = sql_type
        self._shape = shape
        self._item = f"e{depth}"
        self._depth = depth

    def _inside(self, sql_type: SqlType) -> Nested:
        return Nested(sql_type, self._shape, self._depth + 1)

    def _fields(self) -> Iterator[tuple[str, str, Nested]]:
        """SQL name, key and reading of each field."""
        assert isinstance(self._type, StructType)
        assert self._shape is not None
        keys = self._shape.plan().keys
        for field in self._type.fields:
            inner = Nested(field.type, self._shape.inner.get(field.name), self._depth)
            yield identifier(field.name), keys[field.name], inner

    def spec(self) -> str | None:
        """The DuckDB type to ask `from_json` for; None if there is none."""
        match self._type:
            case ArrayType(element):
                inner = self._inside(element).spec()
                return inner and f"{inner}[]"
            case MapType(_, value):
                inner = self._inside(value).spec()
                return inner and f"MAP(VARCHAR, {inner})"
            case StructType():
                fields = [(key, inner.spec()) for _, key, inner in self._fields()]
                if not can_share_struct([key for key, _ in fields]):
                    return None
                if any(spec is None for _, spec in fields):
                    return None
                members = ", ".join(f'"{key}" {spec}' for key, spec in fields)
                return f"STRUCT({members})"
            case _:
                return "VARCHAR" if self._type == STRING else "JSON"

    def value(self, read: str) -> str:
        """The column's value from what was read."""
        if _is_identity(self._type):
            return read
        match self._type:
            case ArrayType(element):
                inner = self._inside(element).value(self._item)
                return f"list_transform({read}, lambda {self._item}: {inner})"
            case MapType(_, element):
                inner = self._inside(element).value(f"{self._item}.value")
                entry = f"struct_pack(k := {self._item}.key, v := {inner})"
                entries = f"list_transform(map_entries({read}), lambda {self._item}: {entry})"
                return f"CASE WHEN {read} IS NOT NULL THEN map_from_entries({entries}) END"
            case StructType():
                members = [
                    f"{name} := {inner.value(member(read, key))}"
                    for name, key, inner in self._fields()
                ]
                packed = f"struct_pack({', '.join(members)})"
                return f"CASE WHEN {read} IS NOT NULL THEN {packed} END"
            case _:
                leaf = f"CAST({read} AS VARCHAR)"
                return read_leaf(self._type, leaf, "").value

    def sure(self, read: str, tests: Tests) -> str:
        """Whether all leaves are certain (and pass the tests); never NULL."""
        match self._type:
            case ArrayType(element):
                inner = self._inside(element).sure(self._item, tests)
                return self._all(f"list_transform({read}, lambda {self._item}: {inner})", inner)
            case MapType(_, element):
                inner = self._inside(element).sure(f"{self._item}.value", tests)
                entries = f"map_entries({read})"
                return self._all(f"list_transform({entries}, lambda {self._item}: {inner})", inner)
            case StructType():
                found = (inner.sure(member(read, key), tests) for _, key, inner in self._fields())
                return " AND ".join(test for test in found if test != "TRUE") or "TRUE"
            case _:
                return self._leaf_is_sure(f"CAST({read} AS VARCHAR)", tests)

    def _all(self, found: str, inner: str) -> str:
        return "TRUE" if inner == "TRUE" else f"coalesce(list_bool_and({found}), TRUE)"

    def _leaf_is_sure(self, leaf: str, tests: Tests) -> str:
        if self._type == STRING:
            return or_null(string_is_clear(leaf), leaf) if tests.clear else "TRUE"
        value = read_leaf(self._type, leaf, "").value
        read = read_leaf(self._type, leaf, value)
        parts = [read.sure]
        if tests.tight and read.tight is not None:
            parts.append(read.tight)
            if isinstance(self._type, DecimalType):
                parts.append(few_digits(leaf))
        return or_null(" AND ".join(parts), leaf)

    def size(self, read: str) -> str:
        """The bytes of the shortest text of what was read, if it is not NULL."""
        match self._type:
            case ArrayType(element):
                inner = self._inside(element)
                sizes = f"list_transform({read}, lambda {self._item}: {inner.sizes(self._item)})"
                return self._sum(sizes, read)
            case MapType(_, element):
                inner = self._inside(element)
                key = f"strlen(CAST(to_json({self._item}.key) AS VARCHAR)) + 1"
                size = f"{key} + {inner.sizes(f'{self._item}.value')}"
                entries = f"map_entries({read})"
                return self._sum(f"list_transform({entries}, lambda {self._item}: {size})", entries)
            case StructType():
                parts = [
                    f"coalesce({inner.size(member(read, key))} + {key_bytes(key)}, 0)"
                    for _, key, inner in self._fields()
                ]
                # Without a member it may be an object, or a value of another kind.
                return f"nullif(1 + {' + '.join(parts)}, 1)"
            case _:
                quotes = " + 2" if self._type == STRING else ""
                return f"strlen(CAST({read} AS VARCHAR)){quotes}"

    def sizes(self, read: str) -> str:
        """The size as an item of an array or a map, where NULL stands for `null`."""
        if isinstance(self._type, ArrayType | MapType | StructType):
            return self.size(read)  # It may be a value of another kind.
        return f"coalesce({self.size(read)}, {NULL_BYTES})"

    @staticmethod
    def _sum(sizes: str, items: str) -> str:
        """Brackets, items and commas; NULL if the size of an item is."""
        return f"list_reduce({sizes}, lambda a, b: a + b, 0) + greatest(len({items}) + 1, 2)"

    def key_tests(self, text: str, path: str, *, many: bool) -> Iterator[str]:
        """Whether `text` holds at `path` the kinds of values and the keys that the type expects.

        `many`: the path has a wildcard, and functions give a list of what they find.
        """
        match self._type:
            case ArrayType(element):
                yield _kinds(text, path, "ARRAY", many=many)
                yield from self._inside(element).key_tests(text, f"{path}[*]", many=True)
            case MapType(_, value):
                yield _kinds(text, path, "OBJECT", many=many)
                keys = _keys(text, path, many=many)
                yield (
                    f"coalesce(list_bool_and(list_transform({keys}, "
                    "lambda k: list_unique(k) = len(k))), TRUE)"
                )
                yield from self._inside(value).key_tests(text, f"{path}.*", many=True)
            case StructType():
                yield _kinds(text, path, "OBJECT", many=many)
                assert self._shape is not None
                known = [*self._shape.plan().known, ()]  # Of null there are no keys, either.
                yield keys_known(_keys(text, path, many=many), known)
                for _, key, inner in self._fields():
                    yield from inner.key_tests(text, f"{path}.{json_text(key)}", many=many)
            case _ if self._type == STRING:
                yield _kinds(text, path, "VARCHAR", many=many)
            case _:
                pass


def _is_identity(sql_type: SqlType) -> bool:
    """Whether what is read is the value."""
    match sql_type:
        case ArrayType(element) | MapType(_, element):
            return _is_identity(element)
        case _:
            return sql_type == STRING


def _kinds(text: str, path: str, kind: str, *, many: bool) -> str:
    found = f"json_type({text}, {literal(path)})"
    if not many:
        return f"coalesce({found} IN ({literal(kind)}, 'NULL'), TRUE)"
    return f"coalesce(list_has_all([{literal(kind)}, 'NULL'], {found}), TRUE)"


def _keys(text: str, path: str, *, many: bool) -> str:
    """A list of lists of keys."""
    found = f"json_keys({text}, {literal(path)})"
    return f"coalesce({found}, [])" if many else f"[coalesce({found}, [])]"
