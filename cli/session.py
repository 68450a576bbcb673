"""What a shell remembers between statements: properties, variables, and how to show things."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum

from merganser.errors import UserError

SUBSTITUTION_PROPERTY = "ksql.variable.substitution.enable"
SQL_PROPERTY = "merganser.pull.sql.enabled"


class OutputFormat(StrEnum):
    """How answers and rows are shown."""

    TABULAR = "TABULAR"
    JSON = "JSON"


class Variables(MutableMapping[str, str]):
    """Variables of a session: names match in any letter case and keep the one of their DEFINE."""

    def __init__(self) -> None:
        self._by_fold: dict[str, tuple[str, str]] = {}

    def __getitem__(self, name: str) -> str:
        return self._by_fold[name.casefold()][1]

    def __setitem__(self, name: str, value: str) -> None:
        self._by_fold[name.casefold()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self._by_fold[name.casefold()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.casefold() in self._by_fold

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._by_fold.values())

    def __len__(self) -> int:
        return len(self._by_fold)

    def copy(self) -> Variables:
        """Returns an equal mapping that can be changed on its own."""
        other = Variables()
        other.update(self)
        return other


def is_on(value: str) -> bool:
    """Reads a property that is true unless it says otherwise."""
    return value.casefold() != "false"


@dataclass(slots=True)
class Session:
    """The state of one shell.

    Attributes:
        properties: Sent with every request, as SET left them.
        sequence: Number of the last command that this session caused; later requests wait for it.
        pipelining: Whether requests go out without that wait.
        column_width: Cells of query results; 0 means shared out over the terminal.
        row_limit: Rows after which a streamed SELECT is ended.
        timeout_ms: Time after which it is ended.
    """

    properties: dict[str, str] = field(default_factory=dict)
    variables: Variables = field(default_factory=Variables)
    sequence: int | None = None
    pipelining: bool = False
    output: OutputFormat = OutputFormat.TABULAR
    wrap: bool = True
    column_width: int = 0
    row_limit: int | None = None
    timeout_ms: int | None = None

    @property
    def substitutes(self) -> bool:
        """Whether `${name}` is replaced in statements."""
        return is_on(self.properties.get(SUBSTITUTION_PROPERTY, "true"))

    @property
    def in_sql(self) -> bool:
        """Whether SELECTs that are none of the language go to the server as full SQL."""
        return str(self.properties.get(SQL_PROPERTY, "false")).casefold() == "true"

    def note_sequence(self, sequence: object) -> None:
        """Keeps the highest command number seen."""
        if isinstance(sequence, int) and sequence >= 0:
            self.sequence = max(sequence, self.sequence or 0)

    def set_property(self, name: str, value: str) -> str:
        """Sets a property and says so."""
        before = self.properties.get(name)
        self.properties[name] = value
        change = f" from '{before}'" if before is not None else ""
        return (
            f"Successfully changed local property '{name}'{change} to '{value}'. "
            "Use the UNSET command to revert your change."
        )

    def unset_property(self, name: str) -> str:
        """Takes a property back and says so.

        Raises:
            UserError: The session has not set it.
        """
        if name not in self.properties:
            raise UserError(f'property "{name}" is not set in this session')
        value = self.properties.pop(name)
        return f"Successfully unset local property '{name}' (value was '{value}')."
