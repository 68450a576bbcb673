"""JSON as ksqlDB's shell prints it: `"name" : value`, `[ {`, `[ ]`.

So scripts that cut the shell's output up by lines keep working.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | Decimal | str | list[Json] | dict[str, Json] | None"


def pretty(value: Json, depth: int = 0) -> str:
    """Prints JSON over several lines, two blanks a level of objects, arrays inline."""
    if isinstance(value, dict):
        if not value:
            return "{ }"
        pad = "  " * (depth + 1)
        members = (
            f"{pad}{json.dumps(name, ensure_ascii=False)} : {pretty(member, depth + 1)}"
            for name, member in value.items()
        )
        return "{\n" + ",\n".join(members) + "\n" + "  " * depth + "}"
    if isinstance(value, list):
        if not value:
            return "[ ]"
        return "[ " + ", ".join(pretty(element, depth) for element in value) + " ]"
    # Decimals print as they were spelled on the wire; json cannot write them.
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
