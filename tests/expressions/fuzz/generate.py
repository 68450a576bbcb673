"""Makes typed expressions, each with what it means row by row."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from tests.expressions.fuzz import numbers, texts
from tests.expressions.fuzz.functions import FUNCTIONS, Function, alike, order
from tests.expressions.fuzz.model import (
    Failed,
    Node,
    Row,
    Value,
    decimal_shape,
    element,
    given,
    quoted,
)
from tests.expressions.fuzz.rows import COLUMNS, FIELDS, random_value

DEPTH_MAX = 3
DECIMAL_DIGITS_MAX = 38  # Beyond, the engine holds plain text; other tests have that.
KINDS = (
    *("INT", "BIGINT", "DOUBLE", "DECIMAL", "STRING", "BOOLEAN", "BYTES", "DATE", "TIME"),
    *("TIMESTAMP", "ARRAY<INT>", "ARRAY<STRING>", "ARRAY<DOUBLE>", "MAP<STRING, INT>"),
)
_BY_RESULT: dict[str, list[Function]] = {}
for _function in FUNCTIONS:
    _BY_RESULT.setdefault(_function.returns, []).append(_function)
_PATTERNS = ("%", "a%", "%b", "_", "a_c", "%X%", "", "abc", "__", "%é%", "😀%", "1%")
_ESCAPED = (("a!%c", "!"), ("!_", "!"), ("a#_%", "#"))
_CASTS: Mapping[str, tuple[str, ...]] = {
    "INT": ("BIGINT", "DOUBLE", "DECIMAL", "STRING"),
    "BIGINT": ("INT", "DOUBLE", "DECIMAL", "STRING"),
    "DOUBLE": ("INT", "BIGINT", "DECIMAL", "STRING"),
    "DECIMAL": ("INT", "BIGINT", "DOUBLE", "STRING"),
    "STRING": (
        *("INT", "BIGINT", "DOUBLE", "DECIMAL", "BOOLEAN", "DATE", "TIME", "TIMESTAMP"),
        "ARRAY<INT>",
    ),
    "BOOLEAN": ("STRING",),
    "DATE": ("STRING", "TIMESTAMP"),
    "TIME": ("STRING", "TIMESTAMP"),
    "TIMESTAMP": ("STRING", "DATE"),
    "ARRAY<STRING>": ("ARRAY<INT>",),
    "ARRAY<DOUBLE>": ("ARRAY<INT>",),
}


class Maker:
    """Makes expressions over columns, and over the variables of lambdas around them."""

    def __init__(self, rng: random.Random, columns: Mapping[str, str] = COLUMNS) -> None:
        self.rng = rng
        self.columns = columns

    def make(self, kind: str, depth: int) -> Node:
        """An expression of a type; `DECIMAL` stands for any precision and scale."""
        if depth <= 0:
            return self._leaf(kind)
        ways: list[Callable[[str, int], Node]] = [self._case, self._cast]
        if kind in _BY_RESULT:
            ways += [self._call] * 4
        if kind in ("INT", "BIGINT", "DOUBLE", "DECIMAL"):
            ways += [self._arithmetic] * 4 + [self._negate]
        if kind == "BOOLEAN":
            ways += [self.condition] * 6 + [self._not]
        if kind == "STRING":
            ways += [self._plus]
        if kind in ("INT", "STRING"):
            ways += [self._subscript, self._map_value]
        if kind in FIELDS.values():
            ways += [self._field] * 2
        if kind.startswith("ARRAY"):
            ways += [self._array, self._transform, self._filter]
        if kind == "MAP<STRING, INT>":
            ways += [self._map]
        if kind in ("INT", "BIGINT"):
            ways += [self._reduce]
        if self.rng.random() < 0.1:
            return self._leaf(kind)
        return self.rng.choice(ways)(kind, depth - 1)

    # -------------------------------------------------------------- leaves

    def _leaf(self, kind: str) -> Node:
        names = [
            name
            for name, held in self.columns.items()
            if held == kind or (kind == "DECIMAL" and held.startswith("DECIMAL"))
        ]
        if names and self.rng.random() < 0.75:
            name = self.rng.choice(names)
            return Node(name, self.columns[name], lambda row: row[name])
        if kind == "DECIMAL":
            scale = self.rng.randint(0, 3)
            number = Decimal(self.rng.randint(-999, 9999)).scaleb(-scale)
            return self._literal(f"DECIMAL({max(4, scale)},{scale})", number)
        if kind.startswith("MAP<STRING, STRING"):
            return Node("MS", kind, lambda row: row["MS"])
        return self._literal(kind, random_value(kind, self.rng, 0.05))

    def _literal(self, kind: str, value: Value) -> Node:
        return Node(self._written(kind, value), kind, lambda _row: value)

    def _written(self, kind: str, value: Value) -> str:
        if value is None or (isinstance(value, list | dict) and not value):
            if isinstance(value, list):
                return f"SLICE(ARRAY[{self._written(element(kind), None)}], 2, 1)"
            if isinstance(value, dict):
                return "FILTER(MAP('a' := 1), (k, v) => FALSE)"
            return f"CAST(NULL AS {kind})"
        if kind.startswith("ARRAY"):
            items = [self._written(element(kind), item) for item in value]
            return f"ARRAY[{', '.join(items)}]"
        if kind.startswith("MAP"):
            inner = kind.removeprefix("MAP<STRING, ").removesuffix(">")
            pairs = [f"{quoted(k)} := {self._written(inner, v)}" for k, v in value.items()]
            return f"MAP({', '.join(pairs)})"
        if kind == "DOUBLE" and not math.isfinite(value):
            return {math.inf: "(1E0 / 0E0)", -math.inf: "(-1E0 / 0E0)"}.get(value, "(0E0 / 0E0)")
        if kind == "DOUBLE":
            return f"{value:.17E}"
        if kind in ("INT", "BIGINT"):
            is_wide = kind == "BIGINT" and -(2**31) <= value < 2**31
            return f"CAST({value} AS BIGINT)" if is_wide else str(value)
        if kind == "BOOLEAN":
            return str(value).upper()
        if kind == "STRING":
            return quoted(value)
        if kind == "BYTES":
            return f"TO_BYTES('{value.hex()}', 'hex')"
        text = value.isoformat() if kind == "TIME" else texts.text_of(value, kind)
        return f"CAST({quoted(text)} AS {kind})"

    # -------------------------------------------------------------- operators

    def _arithmetic(self, kind: str, depth: int) -> Node:
        op = self.rng.choice("+-*/%")
        if kind == "DECIMAL":
            return self._decimal(op, depth)
        narrower = {"INT": ("INT",), "BIGINT": ("INT", "BIGINT")}.get(
            kind, ("INT", "BIGINT", "DECIMAL", "DOUBLE")
        )
        kinds = [kind, self.rng.choice(narrower)]
        self.rng.shuffle(kinds)
        left, right = (self.make(each, depth) for each in kinds)

        def run(row: Row) -> Value:
            first, second = given(left.run(row)), given(right.run(row))
            if kind == "DOUBLE":
                return numbers.double(op, float(first), float(second))
            return numbers.integer(op, first, second, kind)

        return Node(f"({left.sql} {op} {right.sql})", kind, run)

    def _decimal(self, op: str, depth: int) -> Node:
        left = self.make("DECIMAL", depth)
        right = self.make(self.rng.choice(("DECIMAL", "DECIMAL", "INT", "BIGINT")), depth)
        shapes = [
            {"INT": "DECIMAL(10,0)", "BIGINT": "DECIMAL(19,0)"}.get(side.kind, side.kind)
            for side in (left, right)
        ]
        kind = numbers.decimal_kind(op, *shapes)
        if decimal_shape(kind)[0] > DECIMAL_DIGITS_MAX:
            return left

        def run(row: Row) -> Value:
            first, second = given(left.run(row)), given(right.run(row))
            return numbers.decimal(op, Decimal(first), Decimal(second), kind)

        return Node(f"({left.sql} {op} {right.sql})", kind, run)

    def _negate(self, kind: str, depth: int) -> Node:
        operand = self.make(kind, depth)
        if operand.sql.lstrip("-")[:1].isdigit():
            return operand  # A minus before a number is part of it, whose type it may change.

        def run(row: Row) -> Value:
            value = -given(operand.run(row))
            return numbers.wrapped(value, kind) if kind in numbers.BITS else value

        return Node(f"(- ({operand.sql}))", operand.kind, run)

    def _plus(self, kind: str, depth: int) -> Node:
        left, right = self.make(kind, depth), self.make(kind, depth)

        def run(row: Row) -> Value:
            return "".join("null" if v is None else v for v in (left.run(row), right.run(row)))

        return Node(f"({left.sql} + {right.sql})", kind, run)

    # -------------------------------------------------------------- conditions

    def condition(self, kind: str, depth: int) -> Node:
        """A BOOLEAN that is TRUE or FALSE, or raises."""
        ways = [self._compare] * 4 + [self._between, self._in, self._like, self._is_null]
        if depth > 0:
            ways += [self._logical] * 3
        return self.rng.choice(ways)(kind, depth)

    def _sides(self, depth: int) -> tuple[Node, Node]:
        """Two expressions that compare."""
        numeric = ("INT", "BIGINT", "DOUBLE", "DECIMAL")
        if self.rng.random() < 0.5:
            pair = (self.rng.choice(numeric), self.rng.choice(numeric))
        else:
            kind = self.rng.choice(("STRING", "BYTES", "DATE", "TIME", "TIMESTAMP"))
            pair = (kind, kind)
            if kind == "DATE" and self.rng.random() < 0.3:
                pair = ("DATE", "TIMESTAMP")
        return self.make(pair[0], depth), self.make(pair[1], depth)

    def _compare(self, _kind: str, depth: int) -> Node:
        left, right = self._sides(depth)
        op = self.rng.choice(
            ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
        )

        def run(row: Row) -> Value:
            return compared(op, left.run(row), right.run(row))

        return Node(f"({left.sql} {op} {right.sql})", "BOOLEAN", run, is_condition=True)

    def _between(self, _kind: str, depth: int) -> Node:
        kind = self.rng.choice(("INT", "DOUBLE", "STRING", "DATE"))
        value, low, high = (self.make(kind, depth) for _ in range(3))

        def run(row: Row) -> Value:
            if not compared(">=", value.run(row), low.run(row)):
                return False
            return compared("<=", value.run(row), high.run(row))

        sql = f"({value.sql} BETWEEN {low.sql} AND {high.sql})"
        return Node(sql, "BOOLEAN", run, is_condition=True)

    def _in(self, _kind: str, depth: int) -> Node:
        kind = self.rng.choice(("INT", "BIGINT", "STRING", "ARRAY<INT>", "DATE"))
        value = self.make(kind, depth)
        items = [self.make(kind, depth - 1) for _ in range(self.rng.randint(1, 3))]
        negated = self.rng.random() < 0.3

        def run(row: Row) -> Value:
            wanted = value.run(row)
            found = [item.run(row) for item in items]
            hit = wanted is not None and any(v is not None and alike(wanted, v) for v in found)
            return hit != negated

        listed = ", ".join(item.sql for item in items)
        sql = f"({value.sql} {'NOT ' if negated else ''}IN ({listed}))"
        return Node(sql, "BOOLEAN", run, is_condition=True)

    def _like(self, _kind: str, depth: int) -> Node:
        value = self.make("STRING", depth)
        pattern: Node = self._literal("STRING", self.rng.choice(_PATTERNS))
        escape, tail = None, ""
        if self.rng.random() < 0.2:
            text, escape = self.rng.choice(_ESCAPED)
            pattern, tail = self._literal("STRING", text), f" ESCAPE '{escape}'"
        negated = self.rng.random() < 0.3

        def run(row: Row) -> Value:
            shape = _regex(given(pattern.run(row)), escape)
            return bool(re.fullmatch(shape, given(value.run(row)))) != negated

        sql = f"({value.sql} {'NOT ' if negated else ''}LIKE {pattern.sql}{tail})"
        return Node(sql, "BOOLEAN", run, is_condition=True)

    def _is_null(self, _kind: str, depth: int) -> Node:
        operand = self.make(self.rng.choice(KINDS), depth)
        negated = self.rng.random() < 0.5
        sql = f"({operand.sql} IS {'NOT ' if negated else ''}NULL)"
        return Node(
            sql, "BOOLEAN", lambda row: (operand.run(row) is None) != negated, is_condition=True
        )

    def _logical(self, _kind: str, depth: int) -> Node:
        op = self.rng.choice(("AND", "OR"))
        terms = [self.make("BOOLEAN", depth - 1) for _ in range(self.rng.randint(2, 3))]

        def run(row: Row) -> Value:
            for term in terms:
                if given(term.run(row)) is not (op == "AND"):
                    return op != "AND"
            return op == "AND"

        sql = "(" + f" {op} ".join(term.sql for term in terms) + ")"
        return Node(sql, "BOOLEAN", run, is_condition=True)

    def _not(self, kind: str, depth: int) -> Node:
        operand = self.make(kind, depth)
        return Node(
            f"(NOT {operand.sql})",
            kind,
            lambda row: not given(operand.run(row)),
            is_condition=True,
        )

    # -------------------------------------------------------------- the rest

    def _case(self, kind: str, depth: int) -> Node:
        results = [self.make(kind, depth)]
        for _ in range(self.rng.randint(0, 2)):
            other = self.make(kind, depth)
            if other.kind == results[0].kind:
                results.append(other)
        conditions = [self.condition("BOOLEAN", depth) for _ in results]
        default = results.pop() if len(results) > 1 and self.rng.random() < 0.7 else None
        pairs = list(zip(conditions, results, strict=False))

        def run(row: Row) -> Value:
            for condition, result in pairs:
                if given(condition.run(row)):
                    return result.run(row)
            return None if default is None else default.run(row)

        whens = " ".join(f"WHEN {c.sql} THEN {r.sql}" for c, r in pairs)
        tail = "" if default is None else f" ELSE {default.sql}"
        return Node(f"CASE {whens}{tail} END", results[0].kind, run)

    def _cast(self, kind: str, depth: int) -> Node:
        if kind not in _CASTS:
            return self._leaf(kind)
        operand = self.make(self.rng.choice(_CASTS[kind]), depth)
        target = kind
        if kind == "DECIMAL":
            target = self.rng.choice(("DECIMAL(6,2)", "DECIMAL(12,3)", "DECIMAL(20,0)"))

        def run(row: Row) -> Value:
            value = operand.caught(row)
            try:
                return None if value is None else converted(value, operand.kind, target)
            except Failed:
                return None

        return Node(f"CAST({operand.sql} AS {target})", target, run)

    def _call(self, kind: str, depth: int) -> Node:
        function = self.rng.choice(_BY_RESULT[kind])
        arguments: list[Node] = []
        for parameter in function.parameters:
            wanted = parameter.removesuffix("!")
            if wanted.startswith("="):
                text = wanted.removeprefix("=")
                value = text.strip("'") if text.startswith("'") or text.isalpha() else int(text)
                arguments.append(Node(text, "", lambda _row, value=value: value))  # type: ignore[misc]
            else:
                arguments.append(
                    self.make(wanted.removeprefix("MAP_KEYS(").removesuffix(")"), depth)
                )
        primitive = [parameter.endswith("!") for parameter in function.parameters]

        def run(row: Row) -> Value:
            values = [argument.caught(row) for argument in arguments]
            if any(p and v is None for p, v in zip(primitive, values, strict=True)):
                raise Failed
            if function.nulls == "return" and None in values:
                return None
            return function.run(*values)

        listed = ", ".join(argument.sql for argument in arguments)
        if function.parameters and function.parameters[0].startswith("MAP_KEYS("):
            listed = f"MAP_KEYS({listed})"
        return Node(f"{function.name}({listed})", kind, run)

    def _subscript(self, kind: str, depth: int) -> Node:
        items = self.make(f"ARRAY<{kind}>", depth)
        index = self._literal("INT", self.rng.choice((1, 2, -1, 0, 5)))
        if self.rng.random() < 0.3:
            index = self.make("INT", depth - 1)

        def run(row: Row) -> Value:
            held, place = items.run(row), given(index.run(row))
            if held is None or place == 0 or abs(place) > len(held):
                return None
            return held[place - 1 if place > 0 else place]

        return Node(f"{_operand(items)}[{index.sql}]", kind, run)

    def _map_value(self, kind: str, depth: int) -> Node:
        held = "MAP<STRING, INT>" if kind == "INT" else "MAP<STRING, STRING>"
        entries = self.make(held, depth) if kind == "INT" else self._leaf(held)
        key = self._literal("STRING", self.rng.choice(("a", "b", "c", "zz")))

        def run(row: Row) -> Value:
            found = entries.run(row)
            return None if found is None else found.get(key.run(row))

        return Node(f"{_operand(entries)}[{key.sql}]", kind, run)

    def _field(self, kind: str, _depth: int) -> Node:
        name = next(name for name, held in FIELDS.items() if held == kind)
        return Node(f"ST->{name}", kind, lambda row: None if row["ST"] is None else row["ST"][name])

    def _array(self, kind: str, depth: int) -> Node:
        items = [self.make(element(kind), depth) for _ in range(self.rng.randint(1, 4))]
        sql = f"ARRAY[{', '.join(item.sql for item in items)}]"
        return Node(sql, kind, lambda row: [item.caught(row) for item in items])

    def _map(self, kind: str, depth: int) -> Node:
        keys = self.rng.sample(("a", "b", "c"), self.rng.randint(1, 3))
        items = [self.make("INT", depth) for _ in keys]
        pairs = ", ".join(f"'{k}' := {v.sql}" for k, v in zip(keys, items, strict=True))

        def run(row: Row) -> Value:
            return {k: v.caught(row) for k, v in zip(keys, items, strict=True)}

        return Node(f"MAP({pairs})", kind, run)

    # -------------------------------------------------------------- lambdas

    def _within(self, **variables: str) -> Maker:
        return Maker(self.rng, {**self.columns, **variables})

    def _variable(self) -> str:
        return f"V{len(self.columns)}"

    def _transform(self, kind: str, depth: int) -> Node:
        source = self.rng.choice(("INT", "STRING"))
        items = self.make(f"ARRAY<{source}>", depth)
        name = self._variable()
        body = self._within(**{name: source}).make(element(kind), min(depth, 1))

        def run(row: Row) -> Value:
            held = items.caught(row)
            return None if held is None else [body.run({**row, name: item}) for item in held]

        return Node(f"TRANSFORM({items.sql}, {name} => {body.sql})", kind, run)

    def _filter(self, kind: str, depth: int) -> Node:
        items = self.make(kind, depth)
        name = self._variable()
        body = self._within(**{name: element(kind)}).condition("BOOLEAN", min(depth, 1))

        def run(row: Row) -> Value:
            held = items.caught(row)
            if held is None:
                return None
            return [item for item in held if given(body.run({**row, name: item}))]

        return Node(f"FILTER({items.sql}, {name} => {body.sql})", kind, run)

    def _reduce(self, kind: str, depth: int) -> Node:
        items, start = self.make("ARRAY<INT>", depth), self.make(kind, depth - 1)
        state, item = self._variable(), self._variable() + "X"
        body = self._within(**{state: kind, item: "INT"}).make(kind, 1)

        def run(row: Row) -> Value:
            value, held = start.caught(row), items.caught(row)
            if value is None or held is None:
                return value
            for each in held:
                value = body.run({**row, state: value, item: each})
            return value

        sql = f"REDUCE({items.sql}, {start.sql}, ({state}, {item}) => {body.sql})"
        return Node(sql, kind, run)


def _operand(node: Node) -> str:
    """What stands before `[`: ARRAY[…][1] needs no parentheses, CASE does."""
    return f"({node.sql})"


def _regex(pattern: str, escape: str | None) -> str:
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == escape:
            parts.append(re.escape(next(letters)))
        else:
            parts.append({"%": "[^\n]*", "_": "[^\n]"}.get(letter, re.escape(letter)))
    return "".join(parts)


def compared(op: str, left: Value, right: Value) -> bool:
    """`left op right`: two-valued, NaN neither equal nor different."""
    if op.startswith("IS"):
        if left is None or right is None:
            return (left is right) == (op == "IS NOT DISTINCT FROM")
        return compared("<>", left, right) == (op == "IS DISTINCT FROM")
    if left is None or right is None:
        return False
    if isinstance(left, float) or isinstance(right, float):
        if any(isinstance(side, float) and math.isnan(side) for side in (left, right)):
            return False
        infinite = any(isinstance(side, float) and math.isinf(side) for side in (left, right))
        both = (float(left), float(right)) if infinite else (_plain(left, right))
    else:
        both = _moments(left, right)
    first, second = (order(side) if isinstance(side, str | bytes) else side for side in both)
    return bool(
        {
            "=": first == second,
            "<>": first != second,
            "<": first < second,
            "<=": first <= second,
            ">": first > second,
            ">=": first >= second,
        }[op]
    )


def _plain(left: Value, right: Value) -> tuple[Value, Value]:
    """A DOUBLE compares with a DECIMAL by its text, with an integer as a DOUBLE."""
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return numbers.exact(left), numbers.exact(right)
    return float(left), float(right)


def _moments(left: Value, right: Value) -> tuple[Value, Value]:
    import datetime as dt  # noqa: PLC0415 - only here

    if isinstance(left, dt.datetime) != isinstance(right, dt.datetime):
        return tuple(  # type: ignore[return-value]
            side if isinstance(side, dt.datetime) else dt.datetime.combine(side, dt.time())
            for side in (left, right)
        )
    return left, right


def converted(value: Value, source: str, target: str) -> Value:
    """CAST of a given value."""
    if source == target:
        return value
    if target == "STRING":
        return texts.text_of(value, source)
    if source == "STRING":
        return texts.parsed(value, target)
    if target in numbers.BITS:
        return numbers.to_integer(value, target)
    if target == "DOUBLE":
        return float(value)
    if target.startswith("DECIMAL"):
        if isinstance(value, float) and not math.isfinite(value):
            raise Failed
        return numbers.to_decimal(numbers.exact(value), target)
    return _container(value, source, target)


def _container(value: Value, source: str, target: str) -> Value:
    import datetime as dt  # noqa: PLC0415 - only here

    if target.startswith("ARRAY"):
        inner, wanted = element(source), element(target)
        return [None if item is None else converted(item, inner, wanted) for item in value]
    if source == "DATE":
        return dt.datetime.combine(value, dt.time())
    return value.date() if target == "DATE" else value.time()
