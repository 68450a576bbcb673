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
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

from merganser.engine import types as sql
from merganser.engine.functions.python.aggregate import PythonAggregate, Step, Steps
from merganser.engine.functions.python.declarations import (
    CATEGORY,
    About,
    checked_name,
    declarations,
)
from merganser.engine.functions.python.hints import (
    DefinitionError,
    Hint,
    hint_of,
    read_signature,
    sql_type,
)
from merganser.engine.functions.python.scalar import PythonOverload
from merganser.engine.functions.signature import Parameter, Signature
from merganser.engine.types import ArrayType

F = TypeVar("F", bound=Callable[..., object])
C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class Options:
    """What the decorators of all kinds take.

    Attributes:
        name: In SQL; by default the Python name (class `JoinTexts` is JOIN_TEXTS). Letter case does
            not count.
        aliases: More names.
        types: SQL types of the parameters where the hints do not say them; `"STRING..."` takes any
            number, `"T"` any type, `"INT!"` an INT that is not NULL.
        returns: SQL type of the result, for a table function of one row.
        null_call: Whether the function is called with None; else the result is NULL then (an
            aggregate leaves the row out).
        description: By default the docstring.
        author: By default `__author__` of the module.
        version: By default `__version__` of the module.
    """

    name: str | None = None
    aliases: Sequence[str] = ()
    types: Sequence[str] | None = None
    returns: str | None = None
    null_call: bool = True
    description: str | None = None
    category: str = CATEGORY
    author: str | None = None
    version: str | None = None

    def names(self, default: str) -> list[str]:
        """Name and aliases in upper case."""
        return [checked_name(name) for name in (self.name or default, *self.aliases)]

    def about(self, source: Callable[..., object] | type) -> About:
        """What is told of the function that is made of a Python function or class."""
        module = sys.modules.get(source.__module__)
        known = getattr(source, "__globals__", None) or vars(module) if module else {}
        code = getattr(source, "__code__", None)
        path = code.co_filename if code is not None else known.get("__file__", "")
        doc = self.description if self.description is not None else inspect.getdoc(source)
        return About(
            (doc or "").strip(),
            self.category,
            self.author if self.author is not None else str(known.get("__author__", "")),
            self.version if self.version is not None else str(known.get("__version__", "")),
            str(path),
            f"{source.__module__}.{source.__qualname__}",
        )


@overload
def scalar_function(function: F, /) -> F: ...
@overload
def scalar_function(
    *, vectorized: bool = False, **options: typing.Unpack[_OptionNames]
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
def table_function(**options: typing.Unpack[_OptionNames]) -> Callable[[F], F]: ...
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
    parameters = _parameters(function, options, names[0])
    if vectorized and not parameters:
        raise DefinitionError(f"function {names[0]} is vectorized and has no parameters")
    returns = _returns(function, options, table=table)
    called: Callable[..., object] = _list_of(function) if table else function
    for count in _counts(parameters):
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
    *, state: str | None = None, **options: typing.Unpack[_OptionNames]
) -> Callable[[C], C]: ...
@overload
def aggregate_function(
    *, state: str | None = None, **options: typing.Unpack[_StepOptions]
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
        literals = _plain_parameters(start, skip=1) if start is not None else []
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
    literals: list[_Parameter],
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
    kept = Hint(sql_type(state)) if state is not None else _returns(initialise, Options())
    given = kept if result is None else _returns(result, options)
    if result is None and options.returns is not None:
        given = Hint(sql_type(options.returns))
    static = isinstance(inspect.getattr_static(source, "add"), staticmethod)
    columns = _parameters(add, options, names[0], skip=1 if static else 2)
    if any(p.optional for p in columns):
        raise DefinitionError(f"aggregate function {names[0]} has columns with defaults")
    if any(p.variadic for p in columns) and any(p.variadic for p in literals):
        raise DefinitionError(
            f"aggregate function {names[0]} takes any number of columns and of literals"
        )
    for count in _counts(literals):
        for name in names:
            part = PythonAggregate(
                name,
                make,
                _signature(columns, given),
                _signature(literals[:count], Hint(sql.NULL)),
                tuple(p.hint for p in columns),
                kept,
                given,
                options.null_call,
            )
            declarations().add(name, part, options.about(source))


# ------------------------------------------------------------------ signatures


@dataclass(frozen=True, slots=True)
class _Parameter:
    hint: Hint
    variadic: bool = False
    optional: bool = False
    primitive: bool = False

    def sql(self) -> Parameter:
        """As a part of a signature."""
        return Parameter(self.hint.type, self.variadic, self.primitive)


def _signature(parameters: Sequence[_Parameter], returns: Hint) -> Signature:
    return Signature(tuple(p.sql() for p in parameters), returns.type)


def _counts(parameters: Sequence[_Parameter]) -> range:
    """With how many parameters the function may be called; those with defaults may be left out."""
    optional = sum(1 for p in parameters if p.optional)
    variadic = any(p.variadic for p in parameters)
    fewest = len(parameters) if variadic else len(parameters) - optional
    return range(fewest, len(parameters) + 1)


def _parameters(
    function: Callable[..., object], options: Options, name: str, *, skip: int = 0
) -> list[_Parameter]:
    if options.types is None:
        return _plain_parameters(function, skip=skip)
    signature = read_signature(options.types, None)
    places = [
        p for p in list(inspect.signature(function).parameters.values())[skip:] if _positional(p)
    ]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in places)
    if len(places) != len(signature.parameters) and not takes_any:
        raise DefinitionError(
            f"function {name} has {len(places)} parameters and {len(signature.parameters)} types"
        )
    return [
        _Parameter(Hint(p.type), p.variadic, primitive=p.primitive) for p in signature.parameters
    ]


def _plain_parameters(function: Callable[..., object], *, skip: int) -> list[_Parameter]:
    """The parameters behind the first `skip`, as the hints say them."""
    hints = _hints(function)
    found: list[_Parameter] = []
    for place in list(inspect.signature(function).parameters.values())[skip:]:
        if not _positional(place):
            if place.default is place.empty and place.kind is not place.VAR_KEYWORD:
                raise DefinitionError(f"parameter {place.name} can only be given by name")
            continue
        if place.name not in hints:
            raise DefinitionError(f"parameter {place.name} has no type hint")
        found.append(
            _Parameter(
                hint_of(hints[place.name]),
                variadic=place.kind is place.VAR_POSITIONAL,
                optional=place.default is not place.empty,
            )
        )
    return found


def _positional(place: inspect.Parameter) -> bool:
    return place.kind in (
        place.POSITIONAL_ONLY,
        place.POSITIONAL_OR_KEYWORD,
        place.VAR_POSITIONAL,
    )


def _returns(function: Callable[..., object], options: Options, *, table: bool = False) -> Hint:
    if options.returns is not None:
        kind = sql_type(options.returns)
        return Hint(ArrayType(kind)) if table else Hint(kind)
    annotation = _hints(function).get("return")
    if annotation is None:
        raise DefinitionError(f"{function.__name__} does not say what it returns")
    hint = hint_of(annotation)
    if table and not isinstance(hint.type, ArrayType):
        raise DefinitionError(f"table function {function.__name__} must return a list")
    return hint


def _hints(function: Callable[..., object]) -> dict[str, object]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise DefinitionError(f"a type hint of {function.__name__}: {error}") from error


class _OptionNames(typing.TypedDict, total=False):
    """`Options`, for type checkers."""

    name: str | None
    aliases: Sequence[str]
    types: Sequence[str] | None
    returns: str | None
    null_call: bool
    description: str | None
    category: str
    author: str | None
    version: str | None


class _StepOptions(_OptionNames, total=False):
    """The parts of an aggregate, as functions."""

    initialise: typing.Required[Callable[[], object]]
    add: typing.Required[Step]
    merge: typing.Required[Step]
    result: Step
    undo: Step
