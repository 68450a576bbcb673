"""The state of one query: an attached DuckDB database with its tables and its place in the log.

The file is a cache: the commit records in the log are the truth. What the file says of epoch,
positions and stream times is written in the same transaction as the tables, so it is never torn;
it may be behind the log, and then the recorded epochs are replayed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merganser.engine.duck import Duck, identifier
from merganser.errors import CorruptFileError, StateFileError

FORMAT_VERSION = 3  # A file of another version is thrown away and rebuilt by replay.


@dataclass(slots=True)
class StatePoint:
    """How far the state is.

    Attributes:
        epoch: The last epoch in the state; -1 before the first.
        positions: Topic → partition → where the next epoch starts.
        times: Operator → partition → stream time.
    """

    epoch: int = -1
    positions: dict[str, dict[int, int]] = field(default_factory=dict)
    times: dict[str, dict[int, int]] = field(default_factory=dict)

    def to_json(self) -> str:
        """As it is stored; equal points give equal text, in whatever order they came about."""
        members = {"epoch": self.epoch, "positions": self.positions, "times": self.times}
        return json.dumps(members, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> StatePoint:
        """From the stored form."""
        found = json.loads(text)
        return cls(found["epoch"], _by_number(found["positions"]), _by_number(found["times"]))


def _by_number(nested: Mapping[str, Mapping[str, int]]) -> dict[str, dict[int, int]]:
    return {
        name: {int(number): value for number, value in inner.items()}
        for name, inner in nested.items()
    }


class StateFile:
    """An attached state database.

    Attributes:
        rebuilt_because: Why what was there was thrown away, if it was.

    Raises:
        StateFileError: The disk is full, another process has the file, or it cannot be made.
    """

    def __init__(
        self, duck: Duck, alias: str, path: Path | None, *, discard: str | None = None
    ) -> None:
        """Attaches the file; with `discard` (a reason) an empty one in its place."""
        self.alias = alias
        self._duck = duck
        self._path = path
        self.rebuilt_because = discard
        if discard is not None:
            self.delete()
        try:
            self._open()
        except CorruptFileError as error:
            # A corrupt file costs a replay, no data: the log has everything.
            self.rebuilt_because = error.message.splitlines()[0]
            self.delete()
            self._open()

    def _open(self) -> None:
        if self._path is not None and not self._path.exists():
            self.delete()  # A write-ahead log alone is the rest of a file that is gone.
        self._duck.attach(self.alias, self._path)
        try:
            self._duck.execute(
                f"CREATE TABLE IF NOT EXISTS {self._meta} (version INTEGER, point VARCHAR)"
            )
            rows = self._duck.rows(f"SELECT version FROM {self._meta}")
            if rows and rows[0][0] != FORMAT_VERSION:
                raise CorruptFileError(
                    f"state file has format {rows[0][0]}, this build reads {FORMAT_VERSION}",
                    retryable=False,
                )
        except StateFileError:
            self._duck.detach(self.alias)
            raise

    def rebuild(self, reason: str) -> None:
        """Throws away what is there and begins anew."""
        self._duck.detach(self.alias)
        self.rebuilt_because = reason
        self.delete()
        self._open()

    @property
    def _meta(self) -> str:
        return f'{identifier(self.alias)}.main."$meta"'

    def point(self) -> StatePoint:
        """How far the committed state is."""
        rows = self._duck.rows(f"SELECT point FROM {self._meta}")
        return StatePoint.from_json(str(rows[0][0])) if rows else StatePoint()

    def write_point(self, duck: Duck, point: StatePoint) -> None:
        """Notes how far the state is, in the caller's transaction."""
        text = point.to_json().replace("'", "''")
        duck.execute(
            f"DELETE FROM {self._meta}; "
            f"INSERT INTO {self._meta} VALUES ({FORMAT_VERSION}, '{text}')"
        )

    def close(self) -> None:
        """Detaches the database; the file stays."""
        self._duck.detach(self.alias)

    def delete(self) -> None:
        """Removes the file (which must not be attached)."""
        if self._path is not None:
            delete_file(self._path)


def delete_file(path: Path) -> None:
    """Removes a state file and what DuckDB keeps beside it; a missing one is no error."""
    for each in (path, path.with_name(path.name + ".wal")):
        each.unlink(missing_ok=True)
