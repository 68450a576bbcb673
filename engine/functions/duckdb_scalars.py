"""DuckDB's own scalar functions, callable by their names where the language has no such function.

Which: a scalar function of DuckDB whose value depends on nothing but its arguments. Its catalogue
says so of most (`CONSISTENT`, no side effects); what it says wrongly, and what is of no use to a
row of a stream, is in `_DENIED`. Of its macros only those in `_MACROS` are taken, for others read
the clock, the catalogue or are aggregates. Functions of types that the language lacks (INTERVAL,
GEOMETRY, lambdas of DuckDB's …) fall away by themselves.

The types of a call are DuckDB's: it is asked what the call would give. A call that raises gives
NULL and is logged, as any call of the language does.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merganser.engine import types
from merganser.engine.duck import Duck, DuckError, identifier, literal
from merganser.engine.duck import physical_type as physical
from merganser.engine.functions.duckdb_types import named_type, plain_type
from merganser.engine.functions.function import CallSite, Overload
from merganser.engine.functions.signature import Generic, Parameter, Signature
from merganser.engine.types import SqlType
from merganser.errors import TypeMismatchError

CATEGORY = "DUCKDB"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DENIED = (
    # Said to be consistent, yet they read the clock (`age` of one argument) or draw samples.
    _names("""age current_localtime current_localtimestamp
        aggregate array_aggr array_aggregate list_aggr list_aggregate""")
    # They run or plan SQL, tell of DuckDB itself, or are parts of its machinery.
    | _names("""alias bitstring_byte_comparable can_cast_implicitly cast_to_type combine
        constant_or_null create_sort_key equi_width_bins error finalize get_type
        hive_partition_component index_key invoke is_histogram_other_bin json_deserialize_sql
        json_serialize_plan json_serialize_sql make_type normalized_interval
        parse_duckdb_log_message remap_struct replace_type timetz_byte_comparable
        to_aggregate_state typeof version write_log""")
    # The language has these itself, or has no names of fields to give them.
    | _names("""add decimal_division divide map multiply row row_to_json struct_concat
        struct_contains struct_extract struct_extract_at struct_has struct_indexof struct_insert
        struct_keys struct_pack struct_position struct_update struct_values subtract switch
        unpivot_list""")
)
_DENIED_PREFIXES = ("collate_", "icu_", "enum_", "union_", "variant_", "st_", "pg_", "current_")

_MACROS = _names("""array_append array_pop_back array_pop_front array_prepend array_push_back
    array_push_front array_reverse array_to_string array_to_string_comma_default days_in_month fdiv
    fmod if list_any_value list_append list_avg list_bit_and list_bit_or list_bit_xor
    list_bool_and list_bool_or list_count list_entropy list_first list_histogram list_kurtosis
    list_kurtosis_pop list_last list_mad list_max list_median list_min list_mode list_prepend
    list_product list_reverse list_sem list_skewness list_stddev_pop list_stddev_samp
    list_string_agg list_sum list_var_pop list_var_samp map_contains_entry map_contains_value
    md5_number_lower md5_number_upper nullif split_part""")


@dataclass(frozen=True, slots=True)
class DuckdbScalar:
    """A scalar function of DuckDB.

    Attributes:
        name: In upper case.
        signatures: As DuckDB's catalogue has them; a macro's types are not told there.
    """

    name: str
    doc: str
    signatures: tuple[Signature, ...]

    @property
    def overload(self) -> Overload:
        """How it is computed, whatever its arguments are."""
        return Overload(
            _ANYTHING,
            lambda site: f"TRY({_call(self.name, site)})",
            fails=lambda site: (
                # A list of one NULL is not NULL: only a call that raises gives that.
                "CASE WHEN ({result}) IS NULL "
                f"THEN TRY([{_call(self.name, site)}]) IS NULL ELSE FALSE END"
            ),
        )


_ANYTHING = Signature((Parameter(Generic("ANY"), variadic=True),), None)

_LOCK = threading.Lock()


@functools.cache
def _asked() -> Duck:
    """The instance that is asked, which never runs anything over rows; take `_LOCK` for it."""
    return Duck.memory(threads=1)


@functools.cache
def duckdb_scalars() -> Mapping[str, DuckdbScalar]:
    """All of them by name in upper case, in order of name."""
    with _LOCK:
        rows = _asked().rows(
            "SELECT lower(function_name), function_type, any_value(description) OVER w, "
            "parameter_types, parameters, varargs, return_type FROM duckdb_functions() "
            "WHERE internal AND (function_type = 'macro' OR (function_type = 'scalar' "
            "AND stability = 'CONSISTENT' AND NOT has_side_effects)) AND function_name NOT IN "
            "(SELECT function_name FROM duckdb_functions() WHERE function_type = 'aggregate') "
            "WINDOW w AS (PARTITION BY function_name) ORDER BY ALL"
        )
    found: dict[str, list[Signature]] = {}
    docs: dict[str, str] = {}
    for name, kind, doc, kinds, names, varargs, returns in rows:
        assert isinstance(name, str)
        if not _is_allowed(name, is_macro=kind == "macro"):
            continue
        assert isinstance(names, list)
        given = kinds if kind != "macro" else ["ANY"] * len(names)
        signature = _signature(given, varargs, returns)
        if signature is not None:
            found.setdefault(name.upper(), []).append(signature)
            docs[name.upper()] = str(doc) if doc else f"DuckDB's {name}."
    return {name: DuckdbScalar(name, docs[name], tuple(found[name])) for name in sorted(found)}


def _is_allowed(name: str, *, is_macro: bool) -> bool:
    if is_macro:
        return name in _MACROS
    plain = _NAME.fullmatch(name) is not None
    return plain and name not in _DENIED and not name.startswith(_DENIED_PREFIXES)


def _signature(kinds: object, varargs: object, returns: object) -> Signature | None:
    """One signature in the language's types; None if it needs a type that there is not."""
    assert isinstance(kinds, list)
    # A text that is a constant becomes an INTERVAL by itself.
    parameters = [
        types.STRING if kind == "INTERVAL" else named_type(str(kind or "ANY")) for kind in kinds
    ]
    more = named_type(str(varargs)) if varargs else None
    result = named_type(str(returns or "ANY"))
    if result is None or (varargs and more is None):
        return None
    made = [Parameter(kind) for kind in parameters if kind is not None]
    if len(made) < len(parameters):
        return None
    return Signature((*made, *([Parameter(more, variadic=True)] if more else [])), result)


@functools.lru_cache(maxsize=4_096)
def result_type(name: str, kinds: Sequence[SqlType], literals: Sequence[object]) -> SqlType:
    """The type of a call, as DuckDB tells it; arguments that are constants are given to it.

    Raises:
        TypeMismatchError: DuckDB has no such call, or gives a type that the language lacks.
    """
    columns, arguments = ["0 AS a"], []
    for index, (kind, value) in enumerate(zip(kinds, literals, strict=True)):
        if value is not None or kind == types.NULL:
            arguments.append(_constant(value, kind))
        else:
            columns.append(f"CAST(NULL AS {physical(kind)}) AS a{index}")
            arguments.append(f"a{index}")
    sql = f"SELECT {_quoted(name)}({', '.join(arguments)}) FROM (SELECT {', '.join(columns)})"
    try:
        with _LOCK:
            found = _asked().result_types(sql)[0]
    except DuckError as error:
        shown = ", ".join("null" if kind == types.NULL else kind.sql() for kind in kinds)
        raise TypeMismatchError(
            f"function {name} does not accept parameters ({shown})",
            detail=f"It is DuckDB's, which says: {_first_lines(str(error))}",
        ) from error
    plain = plain_type(found)
    if plain is None:
        raise TypeMismatchError(
            f"function {name} gives a value of DuckDB's type {found}, which has no counterpart",
            hint="Use a function that gives a number, a text, a time, or a list, map or struct "
            "of them.",
        )
    return plain


def _constant(value: object, kind: SqlType) -> str:
    if value is None or kind in (types.STRING, types.BOOLEAN, types.BYTES, types.INTEGER):
        return literal(value)
    return f"CAST({literal(value)} AS {physical(kind)})"


def _call(name: str, site: CallSite) -> str:
    """The call in the physical type of its result."""
    arguments = ", ".join(
        "NULL" if kind == types.NULL else sql
        for sql, kind in zip(site.sql, site.types, strict=True)
    )
    sql = f"CAST({_quoted(name)}({arguments}) AS {physical(site.returns)})"
    # The language's times have no microseconds.
    return f"date_trunc('milliseconds', {sql})" if site.returns == types.TIMESTAMP else sql


def _quoted(name: str) -> str:
    """The name as DuckDB has it: some are words of its grammar."""
    return identifier(name).lower()


def _first_lines(text: str) -> str:
    """DuckDB's message without the place in SQL that nobody wrote."""
    kept = text.partition("\nLINE ")[0].split(":", 1)[-1]
    return " ".join(kept.split())
