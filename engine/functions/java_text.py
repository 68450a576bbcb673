"""`Object.toString` of values, as SQL: what stands inside arrays, maps and structs cast to text."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.duck import decimal_text, identifier
from merganser.engine.functions.conversions import double_sql
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType
from merganser.errors import InternalError

_PLAIN_SCALE_MAX = 6  # BigDecimal.toString turns to exponents for smaller numbers.

_SCALARS = {
    types.STRING: "({0})",
    types.JSON: "({0})",
    types.BOOLEAN: "CAST(({0}) AS VARCHAR)",
    types.INTEGER: "CAST(({0}) AS VARCHAR)",
    types.BIGINT: "CAST(({0}) AS VARCHAR)",
    types.DATE: "CAST(({0}) AS VARCHAR)",
    types.TIME: "left(CAST(({0}) AS VARCHAR), 8)",
    types.TIMESTAMP: "(strftime({0}, '%Y-%m-%d %H:%M:%S.') || "
    "coalesce(nullif(rtrim(strftime({0}, '%g'), '0'), ''), '0'))",
    # Java shows a buffer, not its content.
    types.BYTES: "('java.nio.HeapByteBuffer[pos=0 lim=' || octet_length({0}) || ' cap=' || "
    "octet_length({0}) || ']')",
}


def java_text_sql(sql: str, kind: SqlType, depth: int = 0) -> str:
    """The Java text of a value, NULL of NULL. `depth` keeps names of nested lambdas apart."""
    match kind:
        case types.DOUBLE:
            return double_sql(sql)
        case DecimalType(_, scale):
            plain = decimal_text(f"({sql})", kind)
            if scale <= _PLAIN_SCALE_MAX:
                return plain
            return (
                f"CASE WHEN abs({sql}) >= 0.000001 THEN {plain} "
                f'ELSE "$big_decimal_text"({plain}) END'
            )
        case ArrayType(element):
            name = f'"$e{depth}"'
            inner = java_text_sql(name, element, depth + 1)
            items = f"list_transform({sql}, lambda {name}: coalesce({inner}, 'null'))"
            return f"('[' || {_joined(items, ', ')} || ']')"
        case MapType(key, value):
            name = f'"$e{depth}"'
            key_text = java_text_sql(f"{name}.key", key, depth + 1)
            value_text = java_text_sql(f"{name}.value", value, depth + 1)
            items = (
                f"list_transform(map_entries({sql}), lambda {name}: "
                f"{key_text} || '=' || coalesce({value_text}, 'null'))"
            )
            return "('{' || " + _joined(items, ", ") + " || '}')"
        case StructType(fields):
            parts = [
                f"CASE WHEN ({sql}).{identifier(f.name)} IS NOT NULL THEN "
                f"{_text(f.name + '=')} || "
                f"{java_text_sql(f'({sql}).{identifier(f.name)}', f.type, depth)} END"
                for f in fields
            ]
            body = f"concat_ws(',', {', '.join(parts)})" if parts else "''"
            return f"CASE WHEN ({sql}) IS NOT NULL THEN 'Struct{{' || {body} || '}}' END"
        case _ if kind in _SCALARS:
            return _SCALARS[kind].replace("{0}", sql)
        case _:
            raise InternalError(f"no text for {kind}")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _joined(items: str, separator: str) -> str:
    """All items of a list of texts in one text; empty for no items, NULL for NULL."""
    return f"array_to_string({items}, {_text(separator)})"
