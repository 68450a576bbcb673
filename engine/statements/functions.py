"""CREATE FUNCTION, DROP FUNCTION: scalar functions whose Python stands in the statement."""

from __future__ import annotations

from merganser.engine.answer import Answer
from merganser.engine.catalog import FunctionDefinition
from merganser.engine.expression import AggregateCall, Call, TableCall
from merganser.engine.functions.function import AGGREGATES, SCALARS, TABLES
from merganser.engine.functions.python.of_engine import ENABLED, is_enabled
from merganser.engine.functions.python.source import user_function
from merganser.engine.plan.nodes import JoinNode, PlanNode
from merganser.engine.plan.resolve_type import resolve_type
from merganser.engine.runtime.services import RestoreActions
from merganser.engine.statements.current_status import CurrentStatus, WarningEntity
from merganser.engine.statements.handlers import Session, handles
from merganser.errors import InUseError, NameTakenError, UnknownNameError, UnsupportedError
from merganser.parser import ast

LANGUAGE = "PYTHON"


@handles(ast.CreateFunction)
def create_function(statement: ast.CreateFunction, session: Session) -> Answer:
    """Adds a scalar function.

    What is in the command topic was allowed once; whether it may be called is judged by the server
    of today.
    """
    name = statement.name.upper()
    if not isinstance(session.actions, RestoreActions):
        _check_allowed(statement, session)
        if name in SCALARS or name in AGGREGATES or name in TABLES:
            if statement.if_not_exists:
                return WarningEntity(message=f"Function {name} already exists")
            raise NameTakenError(f"function {name} already exists", span=statement.span)
    definition = FunctionDefinition(
        name,
        tuple(
            (argument.name, resolve_type(argument.type, session.catalog.types))
            for argument in statement.arguments
        ),
        resolve_type(statement.returns, session.catalog.types),
        statement.language,
        statement.body,
    )
    user_function(definition)  # What is no Python is refused now.
    session.catalog = session.catalog.with_function(definition)
    return CurrentStatus(
        command_id=f"function/{name}/create",
        message=f"Created function {name}",
        sequence=session.sequence,
    )


def _check_allowed(statement: ast.CreateFunction, session: Session) -> None:
    if not is_enabled(session.defaults):
        raise UnsupportedError(
            "CREATE FUNCTION is not allowed on this server",
            hint=f"Its code would run in the server. Set {ENABLED}=true in the server's "
            "configuration to allow that to everybody who may send statements.",
            span=statement.span,
        )
    if statement.language != LANGUAGE:
        raise UnsupportedError(
            f"functions are written in {LANGUAGE}, not in {statement.language}",
            span=statement.span,
        )


@handles(ast.DropFunction)
def drop_function(statement: ast.DropFunction, session: Session) -> Answer:
    """Removes a function that a statement made, if no query calls it.

    Raises:
        UnknownNameError: No statement made it.
        InUseError: A persistent query calls it.
    """
    name = statement.name.upper()
    if name not in session.catalog.functions:
        if statement.if_exists:
            return WarningEntity(message=f"Function {name} does not exist")
        known = name in SCALARS or name in AGGREGATES or name in TABLES
        raise UnknownNameError(
            f"function {name} was not made by CREATE FUNCTION"
            if known
            else f"function {name} does not exist",
            span=statement.span,
        )
    callers = [query for query, plan in session.doing.plans().items() if name in calls_of(plan)]
    if callers:
        raise InUseError(
            f"cannot drop function {name}: it is called by {', '.join(callers)}",
            hint="Terminate the queries first.",
            span=statement.span,
        )
    session.catalog = session.catalog.without_function(name)
    return CurrentStatus(
        command_id=f"function/{name}/drop",
        message=f"Dropped function {name}",
        sequence=session.sequence,
    )


def calls_of(plan: PlanNode) -> frozenset[str]:
    """The names of the functions that a plan calls."""
    expressions = [each for node in plan.walk() for each in node.expressions()]
    for node in plan.walk():
        if isinstance(node, JoinNode):
            expressions += [node.left_key, node.right_key]
    return frozenset(
        part.name
        for expression in expressions
        for part in expression.walk()
        if isinstance(part, Call | TableCall | AggregateCall)
    )
