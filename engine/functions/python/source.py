"""CREATE FUNCTION: the text between `$$` as the body of a Python function.

Imports stand in the body. The text is compiled when the function is created and run when a query
first calls it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from merganser.engine.catalog import FunctionDefinition
from merganser.engine.functions.in_force import UserFunction
from merganser.engine.functions.python.declarations import About, Declarations
from merganser.engine.functions.python.hints import DefinitionError, Hint
from merganser.engine.functions.python.scalar import PythonOverload
from merganser.engine.functions.signature import Parameter, Signature


def user_function(definition: FunctionDefinition) -> UserFunction:
    """The function that a statement made.

    Raises:
        DefinitionError: The body is no Python.
        NameTakenError: The language has a function of that name.
    """
    signature = Signature(
        tuple(Parameter(kind) for _, kind in definition.arguments), definition.returns
    )
    part = PythonOverload(
        definition.name,
        _function(definition),
        signature,
        tuple(Hint(kind) for _, kind in definition.arguments),
        Hint(definition.returns),
    )
    made = Declarations()
    made.add(definition.name, part, About(doc=_doc(definition.body), path=PLACE))
    return made.functions[definition.name]


PLACE = "CREATE FUNCTION"


def _function(definition: FunctionDefinition) -> Callable[..., object]:
    names = [name for name, _ in definition.arguments]
    for name in names:
        if not name.isidentifier():
            raise DefinitionError(f'"{name}" cannot be the name of an argument in Python')
    body = textwrap.dedent(definition.body.strip("\n")).strip() or "return None"
    text = f"def {definition.name}({', '.join(names)}):\n" + textwrap.indent(body, "    ")
    try:
        code = compile(text, f"<function {definition.name}>", "exec")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        place = f" in line {line - 1} of the body" if isinstance(line, int) and line > 1 else ""
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise DefinitionError(
            f"the body of function {definition.name} is no Python: {what}{place}",
            hint="The text between $$ is the body of a function; it returns the value.",
        ) from error
    made: dict[str, object] = {}

    def call(*values: object) -> object:
        if not made:
            exec(code, made)  # noqa: S102 (what the statement asks for; the server allows it)
        function = made[definition.name]
        assert callable(function)
        result: object = function(*values)
        return result

    return call


def _doc(body: str) -> str:
    """The comment lines in front of the code."""
    lines: list[str] = []
    for line in body.strip().splitlines():
        if not line.strip().startswith("#"):
            break
        lines.append(line.strip().lstrip("# ").strip())
    return " ".join(lines)
