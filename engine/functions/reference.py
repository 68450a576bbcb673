"""The page of all functions, made from the registries.

python -m merganser.engine.functions.reference > docs/functions.md
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable

from merganser.engine.functions.function import AGGREGATES, SCALARS, TABLES

_HEAD = """# Functions

Made from the registry by `make docs`; edit the functions, not this page. `T`, `K`, `V` stand for
any type, `…` behind a type for any number of arguments. Every example runs as a test.
"""


def page() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD]
    by_category: dict[str, list[str]] = defaultdict(list)
    for name in SCALARS:
        by_category[SCALARS[name].category].append(name)
    for category in sorted(by_category):
        parts.append(f"\n## Scalar: {category.lower()}\n")
        for name in sorted(by_category[category]):
            function = SCALARS[name]
            signatures = [str(overload.signature) for overload in function.overloads]
            parts.append(_entry(name, signatures, function.doc, function.examples.items()))
    parts.append("\n## Aggregate\n")
    for name in sorted(AGGREGATES.own):
        aggregate = AGGREGATES[name]
        parts.append(_entry(name, aggregate.signatures, aggregate.doc, ()))
    parts.append("\n## Table\n")
    for name in TABLES:
        table = TABLES[name]
        signatures = [str(overload.signature) for overload in table.overloads]
        parts.append(_entry(name, signatures, table.doc, table.examples.items()))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _entry(
    name: str, signatures: Iterable[str], doc: str, examples: Iterable[tuple[str, object]]
) -> str:
    lines = [f"### {name}\n"]
    lines += [f"`{name}{signature}`  " for signature in signatures]
    lines += ["", doc, ""]
    lines += [f"- `{call}` → `{_shown(value)}`" for call, value in examples]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    return repr(value) if isinstance(value, str) else str(value)


if __name__ == "__main__":
    sys.stdout.write(page())
