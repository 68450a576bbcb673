"""The one place that writes to the screen, and to the spool file while there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from merganser.errors import UserError

PROMPT = "merganser> "
RED = "\x1b[31m"
PLAIN = "\x1b[0m"


class Terminal:
    """Text out to a user or a pipe.

    Attributes:
        interactive: Whether `out` is a terminal.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._spool: TextIO | None = None
        self._spool_path = ""
        self.interactive = out.isatty()

    @property
    def width(self) -> int:
        """Columns of the terminal; in a pipe what COLUMNS says, else 0.

        With 0, tables have no dashed lines and query cells their least width, as ksqlDB's shell
        writes them into a pipe.
        """
        if self.interactive:
            return shutil.get_terminal_size().columns
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isdecimal() else 0

    def write(self, text: str = "") -> None:
        """Writes a line (or several)."""
        print(text, file=self._out, flush=True)
        if self._spool:
            print(text, file=self._spool, flush=True)

    def write_lines(self, lines: Iterable[str]) -> None:
        """Writes lines."""
        text = "\n".join(lines)
        if text:
            self.write(text)

    def error(self, text: str) -> None:
        """Writes what went wrong, in red unless NO_COLOR is set."""
        plain = bool(os.environ.get("NO_COLOR"))
        print(text if plain else f"{RED}{text}{PLAIN}", file=self._out, flush=True)
        if self._spool:
            print(text, file=self._spool, flush=True)

    def typed(self, text: str) -> None:
        """Notes in the spool what the user typed."""
        if self._spool:
            print(f"\n{PROMPT}{text}", file=self._spool, flush=True)

    def clear(self) -> None:
        """Empties the screen."""
        if self.interactive:
            self._control("\x1b[H\x1b[2J")

    @contextmanager
    def status(self, text: str) -> Iterator[None]:
        """Keeps a line at the foot of the terminal; what is written scrolls above it."""
        if not self.interactive:
            yield
            return
        # Not what the environment says: with another size the wrong lines would scroll.
        rows = os.get_terminal_size(self._out.fileno()).lines
        # A line break and one up again make room at the foot. Setting the scrolling region moves
        # the cursor, so it is saved around that.
        self._control(f"\n\x1b[1A\x1b7\x1b[1;{rows - 1}r\x1b[{rows};1H\x1b[2m{text}{PLAIN}\x1b8")
        try:
            yield
        finally:
            self._control(f"\x1b7\x1b[r\x1b[{rows};1H\x1b[2K\x1b8")

    def _control(self, codes: str) -> None:
        self._out.write(codes)
        self._out.flush()

    def spool_to(self, path: str) -> None:
        """Copies the session to a file from now on.

        Raises:
            UserError: There is a spool already, or the file cannot be written.
        """
        if self._spool:
            raise UserError(
                f"the session is spooled to {self._spool_path} already",
                hint="SPOOL OFF ends that.",
            )
        try:
            self._spool = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 (spool_off closes)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        self._spool_path = path
        self.write(f"Session will be spooled to {path}\nEnter SPOOL OFF to disable")

    def spool_off(self) -> None:
        """Ends spooling; without a spool nothing happens."""
        if self._spool:
            self._spool.close()
            self._spool = None
            self.write(f"Spool written to {self._spool_path}")
