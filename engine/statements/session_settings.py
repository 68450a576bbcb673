"""SET, UNSET, DEFINE, UNDEFINE: they hold for the later statements of the same request."""

from __future__ import annotations

from merganser.engine.answer import Answer
from merganser.engine.properties import check_property
from merganser.engine.statements.current_status import WarningEntity
from merganser.engine.statements.handlers import Session, handles
from merganser.parser import ast


@handles(ast.SetProperty)
def set_property(statement: ast.SetProperty, session: Session) -> None:
    """Overrides a property."""
    check_property(statement.name, statement.value)
    session.properties[statement.name] = statement.value


@handles(ast.UnsetProperty)
def unset_property(statement: ast.UnsetProperty, session: Session) -> None:
    """Takes an override away."""
    check_property(statement.name)
    session.properties.pop(statement.name, None)


@handles(ast.DefineVariable)
def define_variable(statement: ast.DefineVariable, session: Session) -> None:
    """Gives a variable its value."""
    _forget(statement.name, session)
    session.variables[statement.name] = statement.value


@handles(ast.UndefineVariable)
def undefine_variable(statement: ast.UndefineVariable, session: Session) -> Answer | None:
    """Forgets a variable; letter case does not matter."""
    if _forget(statement.name, session):
        return None
    return WarningEntity(
        message=f"Cannot undefine variable '{statement.name}' which was never defined"
    )


def _forget(name: str, session: Session) -> bool:
    known = [variable for variable in session.variables if variable.upper() == name.upper()]
    for variable in known:
        del session.variables[variable]
    return bool(known)
