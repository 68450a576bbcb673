"""The answer of statements that change something.

Source: parity/rest-api.md, sections 5 and 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.types import quote_name


@dataclass(frozen=True, kw_only=True)
class CurrentStatus(Answer):
    """What became of a command.

    Attributes:
        command_id: `type/entity/action`.
        query_id: The persistent query that was started.
        sequence: The command's number; -1 if nothing was queued.
    """

    wire_type: ClassVar[str] = "currentStatus"

    command_id: str
    message: str
    status: str = "SUCCESS"
    query_id: str | None = None
    sequence: int = -1

    def fields(self) -> dict[str, object]:
        return {
            "commandId": self.command_id,
            "commandStatus": {
                "status": self.status,
                "message": self.message,
                "queryId": self.query_id,
            },
            "commandSequenceNumber": self.sequence,
        }

    def tables(self) -> Sequence[Table]:
        return (Table(("Message",), ((self.message.splitlines()[0],),)),)


@dataclass(frozen=True, kw_only=True)
class WarningEntity(Answer):
    """Nothing was done, and why that is all right (IF [NOT] EXISTS)."""

    wire_type: ClassVar[str] = "warning_entity"

    message: str

    def fields(self) -> dict[str, object]:
        return {"message": self.message}

    def tables(self) -> Sequence[Table]:
        return (Table(("Message",), ((self.message,),)),)


def create_id(kind: str, name: str) -> str:
    """The command id of a CREATE: the name in back-quotes."""
    return f"{kind}/{quote_name(name)}/create"
