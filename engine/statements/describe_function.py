"""DESCRIBE FUNCTION: what a function does and which arguments it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.duck import duckdb_version
from merganser.engine.functions.duckdb_scalars import CATEGORY
from merganser.engine.functions.function import AGGREGATES, SCALARS, TABLES
from merganser.engine.functions.in_force import LANGUAGE_AUTHOR, in_force
from merganser.engine.functions.scalar_calls import borrowed_function
from merganser.engine.functions.signature import Parameter, Signature, parse_signature
from merganser.engine.statements.handlers import Session, handles
from merganser.engine.statements.list_functions import FunctionName
from merganser.errors import RequestError
from merganser.parser import ast

LABEL_WIDTH = 11
WITHOUT_AUTHOR = frozenset({"CONCAT"})
"""Functions of the language for which ksqlDB names no author."""


@dataclass(frozen=True, kw_only=True)
class FunctionDescription(Answer):
    """A function.

    Attributes:
        examples: Calls with their results, as they were tested.
        author: And version and path of a function that a user wrote.
    """

    wire_type: ClassVar[str] = "describe_function"
    function: FunctionName
    doc: str
    signatures: tuple[Signature, ...]
    examples: tuple[tuple[str, str], ...] = ()
    author: str = LANGUAGE_AUTHOR
    version: str = ""
    path: str = "internal"

    def fields(self) -> dict[str, object]:
        return {
            "name": self.function.name,
            "description": self.doc,
            "author": self.author,
            "version": self.version,
            "path": self.path,
            "functions": [_variant(signature) for signature in self.signatures],
            "type": self.function.kind,
        }

    def tables(self) -> Sequence[Table]:
        lines = [
            ("Name", self.function.name),
            ("Overview", self.doc),
            ("Type", self.function.kind),
            ("Category", self.function.category),
        ]
        if self.path != "internal":
            told = (("Author", self.author), ("Version", self.version), ("Path", self.path))
            lines += [(label, value) for label, value in told if value]
        text = "\n".join(f"{label:{LABEL_WIDTH}} : {value}" for label, value in lines)
        variants = "\n\n".join(self._shown(signature) for signature in self.signatures)
        parts = [text, f"{'Variations':{LABEL_WIDTH}} :\n\n{variants}"]
        if self.examples:
            shown = "\n".join(f"\t{call} = {value}" for call, value in self.examples)
            parts.append(f"{'Examples':{LABEL_WIDTH}} :\n\n{shown}")
        return [Table((), (), title="\n".join(parts))]

    def _shown(self, signature: Signature) -> str:
        arguments = ", ".join(
            f"{_sql_name(parameter)}{'[]' if parameter.variadic else ''}"
            for parameter in signature.parameters
        )
        call = f"{self.function.name}({arguments})"
        return f"\tVariation   : {call}\n\tReturns     : {_returns(signature)}"


@handles(ast.DescribeFunction)
def describe_function(statement: ast.DescribeFunction, _session: Session) -> FunctionDescription:
    """Answers for a function by its name, in any letter case."""
    name = statement.name.upper()
    described = _described(name, statement)
    user = in_force().functions.get(name)
    if user is None:
        return replace(described, author="") if name in WITHOUT_AUTHOR else described
    return replace(described, author=user.author, version=user.version, path=user.path)


def _described(name: str, statement: ast.DescribeFunction) -> FunctionDescription:
    if name in SCALARS:
        scalar = SCALARS[name]
        return FunctionDescription(
            statement_text=statement.text,
            function=FunctionName(name, "SCALAR", scalar.category),
            doc=scalar.doc,
            signatures=tuple(overload.signature for overload in scalar.overloads),
            examples=tuple((call, _value(value)) for call, value in scalar.examples.items()),
        )
    if name in TABLES:
        table = TABLES[name]
        return FunctionDescription(
            statement_text=statement.text,
            function=FunctionName(name, "TABLE", table.category),
            doc=table.doc,
            signatures=tuple(overload.signature for overload in table.overloads),
            examples=tuple((call, f"rows {list(rows)}") for call, rows in table.examples.items()),
        )
    if name in AGGREGATES:
        aggregate = AGGREGATES[name]
        return FunctionDescription(
            statement_text=statement.text,
            function=FunctionName(name, "AGGREGATE", aggregate.category),
            doc=aggregate.doc,
            signatures=tuple(parse_signature(text) for text in aggregate.signatures),
        )
    borrowed = borrowed_function(name)
    if borrowed is not None:
        return FunctionDescription(
            statement_text=statement.text,
            function=FunctionName(name, "SCALAR", CATEGORY),
            doc=borrowed.doc,
            signatures=borrowed.signatures,
            author="DuckDB",
            version=duckdb_version,
            path="",
        )
    raise RequestError(
        f"function {statement.name} does not exist",
        hint="SHOW FUNCTIONS lists all functions.",
        span=statement.span,
    )


def _value(value: object) -> str:
    return "NULL" if value is None else str(value)


def _variant(signature: Signature) -> dict[str, object]:
    names = [_sql_name(parameter) for parameter in signature.parameters]
    return {
        "arguments": [
            {
                "name": parameter.name or f"arg{index}",
                "type": name,
                "description": "",
                "isVariadic": parameter.variadic,
            }
            for index, (parameter, name) in enumerate(
                zip(signature.parameters, names, strict=True), start=1
            )
        ],
        "returnType": _returns(signature),
        "description": "",
        "argumentTypes": names,
    }


def _returns(signature: Signature) -> str:
    return _spelled(signature.returns.sql()) if signature.returns else "DECIMAL"


def _sql_name(parameter: Parameter) -> str:
    return _spelled(parameter.type.sql())


def _spelled(text: str) -> str:
    """Types as ksqlDB spells them in this statement, unlike elsewhere."""
    return text.replace("STRING", "VARCHAR").replace("INTEGER", "INT")
