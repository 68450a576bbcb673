"""The decorators that make Python functions functions of SQL: the public API.

    @scalar_function
    def reversed_text(text: str) -> str:
        "The letters of a text from the last to the first."
        return text[::-1]

See docs/python-functions.md.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable
from typing import TypeVar, overload

from merganser.engine import types as sql
from merganser.engine.functions.python.aggregate import PythonAggregate, Step, Steps
from merganser.engine.functions.python.declarations import declarations
from merganser.engine.functions.python.hints import DefinitionError, Hint, sql_type
from merganser.engine.functions.python.options import OptionNames, Options, StepOptions
from merganser.engine.functions.python.parameters import (
    Place,
    counts,
    hinted_parameters,
    parameters_of,
    returned,
    signature_of,
)
from merganser.engine.functions.python.scalar import PythonOverload
from merganser.engine.functions.signature import Signature
from merganser.engine.types import ArrayType

F = TypeVar("F", bound=Callable[..., object])
C = TypeVar("C", bound=type)


@overload
def scalar_function(function: F, /) -> F: ...
@overload
def scalar_function(
    *, vectorized: bool = False, **options: typing.Unpack[OptionNames]
) -> Callable[[F], F]: ...
def scalar_function(
    function: Callable[..., object] | None = None, /, *, vectorized: bool = False, **options: object
) -> object:
    """Makes a Python function a scalar function of SQL.

    `vectorized`: it takes and gives `pyarrow.Array`s, a batch of rows at a time. The other options
    are those of `Options`. It must depend on nothing but its arguments. Declared again under the
    same name with other types, it is an overload.

    Raises:
        DefinitionError: Its hints and options do not make a signature.
        NameTakenError: There is such a function.
    """
    given = Options(**options)  # type: ignore[arg-type] # as the overload says.

    def declare(function: F) -> F:
        _declare(function, given, vectorized=vectorized, table=False)
        return function

    return declare if function is None else declare(function)


@overload
def table_function(function: F, /) -> F: ...
@overload
def table_function(**options: typing.Unpack[OptionNames]) -> Callable[[F], F]: ...
def table_function(function: Callable[..., object] | None = None, /, **options: object) -> object:
    """Makes a Python function a table function of SQL: it gives a list, and each item is a row.

    None and an empty list give no rows. Options and errors are those of `scalar_function`.
    """
    given = Options(**options)  # type: ignore[arg-type] # as the overload says.

    def declare(function: F) -> F:
        _declare(function, given, vectorized=False, table=True)
        return function

    return declare if function is None else declare(function)


def _declare(
    function: Callable[..., object], options: Options, *, vectorized: bool, table: bool
) -> None:
    names = options.names(function.__name__)
    parameters = parameters_of(function, options, names[0])
    if vectorized and not parameters:
        raise DefinitionError(f"function {names[0]} is vectorized and has no parameters")
    returns = returned(function, options, table=table)
    called: Callable[..., object] = _list_of(function) if table else function
    for count in counts(parameters):
        chosen = parameters[:count]
        signature = Signature(
            tuple(p.sql() for p in chosen),
            returns.type.element if table and isinstance(returns.type, ArrayType) else returns.type,
        )
        for name in names:
            part = PythonOverload(
                name,
                called,
                signature,
                tuple(p.hint for p in chosen),
                returns,
                vectorized,
                options.null_call,
                table,
            )
            declarations().add(name, part, options.about(function))


def _list_of(function: Callable[..., object]) -> Callable[..., object]:
    """The same, an iterator's items put in a list."""

    def rows(*values: object) -> object:
        found = function(*values)
        return list(found) if isinstance(found, Iterable) and not isinstance(found, str) else found

    return rows


# ------------------------------------------------------------------ aggregates


@overload
def aggregate_function(source: C, /) -> C: ...
@overload
def aggregate_function(
    *, state: str | None = None, **options: typing.Unpack[OptionNames]
) -> Callable[[C], C]: ...
@overload
def aggregate_function(
    *, state: str | None = None, **options: typing.Unpack[StepOptions]
) -> type: ...
def aggregate_function(
    source: type | None = None, /, *, state: str | None = None, **options: object
) -> object:
    """Makes a class an aggregate function of SQL.

    Methods: `initialise() -> S`, `add(state: S, value…) -> S`, `merge(older: S, newer: S) -> S`,
    and, where wanted, `result(state: S) -> R` and `undo(state: S, value…) -> S`. The state's type
    is that of the hints, or `state`. Parameters of `__init__` are literals behind the columns of a
    call. Without `undo` the function is refused over tables. Nothing may be kept in the object.

    In place of a class there may be functions of these names: `aggregate_function(name="TOTAL",
    initialise=int, add=…, merge=…, types=[…], state="BIGINT")`.

    Raises:
        DefinitionError: A method is missing, or its hints do not make a signature.
        NameTakenError: There is such a function.
    """
    steps = {name: options.pop(name) for name in _STEPS if name in options}
    given = Options(**options)  # type: ignore[arg-type] # as the overload says.

    def declare(source: C) -> C:
        starts = [vars(kind).get("__init__") for kind in source.__mro__[:-1]]
        start = next((each for each in starts if each is not None), None)
        literals = hinted_parameters(start, skip=1) if start is not None else []
        methods = {name: getattr(source, name, None) for name in _STEPS}
        _declare_aggregate(source, _maker(source), methods, literals, state, given)
        return source

    if steps:
        return declare(_class_of(steps, given))
    return declare if source is None else declare(source)


def _class_of(steps: dict[str, object], options: Options) -> type:
    """The class that has functions as its methods."""
    if options.name is None:
        raise DefinitionError("an aggregate function that is made of functions needs a name")
    add = steps.get("add")
    told = {name: getattr(add, name, "") for name in ("__module__", "__qualname__", "__doc__")}
    methods = {name: staticmethod(step) for name, step in steps.items() if callable(step)}
    return type(options.name, (), {**told, **methods})


_STEPS = ("initialise", "add", "merge", "result", "undo")


def _maker(source: type) -> Callable[..., Steps]:
    def make(*literals: object) -> Steps:
        made = source(*literals)
        return Steps(
            made.initialise,
            made.add,
            made.merge,
            getattr(made, "result", _as_it_is),
            getattr(made, "undo", None),
        )

    return make


def _as_it_is(state: object) -> object:
    return state


def _declare_aggregate(
    source: type,
    make: Callable[..., Steps],
    methods: dict[str, Step | None],
    literals: list[Place],
    state: str | None,
    options: Options,
) -> None:
    # `JoinTexts` is JOIN_TEXTS.
    names = options.names(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", source.__name__))
    missing = [name for name in _STEPS[:3] if methods[name] is None]
    if missing:
        raise DefinitionError(f"aggregate function {names[0]} has no {' and no '.join(missing)}")
    initialise, add, result = methods["initialise"], methods["add"], methods["result"]
    assert initialise is not None
    assert add is not None
    kept = Hint(sql_type(state)) if state is not None else returned(initialise, Options())
    given = kept if result is None else returned(result, options)
    if result is None and options.returns is not None:
        given = Hint(sql_type(options.returns))
    static = isinstance(inspect.getattr_static(source, "add"), staticmethod)
    columns = parameters_of(add, options, names[0], skip=1 if static else 2)
    if any(p.optional for p in columns):
        raise DefinitionError(f"aggregate function {names[0]} has columns with defaults")
    if any(p.variadic for p in columns) and any(p.variadic for p in literals):
        raise DefinitionError(
            f"aggregate function {names[0]} takes any number of columns and of literals"
        )
    for count in counts(literals):
        for name in names:
            part = PythonAggregate(
                name,
                make,
                signature_of(columns, given),
                signature_of(literals[:count], Hint(sql.NULL)),
                tuple(p.hint for p in columns),
                kept,
                given,
                options.null_call,
            )
            declarations().add(name, part, options.about(source))
