"""A real terminal for tests: tmux runs the shell, keys go in, the screen comes out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import wait_until

COLUMNS, ROWS = 100, 50
PROGRAM = Path(sys.executable).with_name("merganser")
HAS_TMUX = shutil.which("tmux") is not None
_PROMPT, _MORE = "merganser>", ">"
_PROMPT_BEGINS = b"\x1b[?2004h"  # Each prompt asks for bracketed paste anew.


class Screen:
    """One terminal of 100 by 50 with a program in it."""

    def __init__(self, socket: str, written: Path) -> None:
        """`written` holds all that the program writes."""
        self._socket = socket
        self._written = written
        self._prompts_seen = 0

    def text(self) -> str:
        """What the screen shows, without blanks at the ends of lines and empty lines below."""
        shown = self._tmux("capture-pane", "-p").stdout
        return "\n".join(line.rstrip() for line in shown.splitlines()).rstrip("\n")

    def press(self, *keys: str) -> None:
        """Presses keys by tmux's names: `C-c`, `Enter`, `Tab`."""
        self._prompts_seen = self._prompt_count()
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Types a line and Enter."""
        # A semicolon at the end of an argument would end tmux's own command.
        self._tmux("send-keys", "-l", "--", re.sub(r";$", r"\\;", text))
        wait_until(lambda: self._before_cursor().endswith(text[-20:]))
        self.press("Enter")

    def _before_cursor(self) -> str:
        """What stands before the cursor, lines of the screen put together."""
        place = self._tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").stdout
        column, row = map(int, place.split())
        lines = self._tmux("capture-pane", "-p", "-N").stdout.split("\n")
        return "".join(lines[:row]) + lines[row].ljust(COLUMNS)[:column]

    def wait_for(self, text: str) -> None:
        """Waits until the screen shows a text."""
        wait_until(lambda: text in self.text())

    def wait_for_prompt(self) -> None:
        """Waits until a prompt has begun since the last key, and the last line is one."""
        wait_until(
            lambda: self._prompt_count() > self._prompts_seen and self._last_line() == _PROMPT
        )

    def wait_for_more(self) -> None:
        """Waits until the last line asks for more of a statement."""
        wait_until(lambda: self._last_line() == _MORE)

    def _last_line(self) -> str:
        return self.text().rpartition("\n")[2]

    def _prompt_count(self) -> int:
        return self._written.read_bytes().count(_PROMPT_BEGINS)

    def _tmux(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["tmux", "-L", self._socket, *arguments], capture_output=True, text=True, check=check
        )


@contextmanager
def screen(
    arguments: Sequence[str], environment: Mapping[str, str], *, stay: bool = False
) -> Iterator[Screen]:
    """Runs `merganser` on a screen of its own; with `stay` the screen outlives the program."""
    socket = f"merganser-{uuid.uuid4().hex[:8]}"
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    command = f"{settings} {shlex.join([str(PROGRAM), *arguments])}"
    if stay:
        command += "; exec cat"
    folder = Path(tempfile.mkdtemp(prefix="screen-"))
    written = folder / "written"
    written.touch()
    copy = ["pipe-pane", f"cat >> {shlex.quote(str(written))}"]
    size = ["-x", str(COLUMNS), "-y", str(ROWS)]
    subprocess.run(
        ["tmux", "-L", socket, "-f", "/dev/null", "new-session", "-d", *size, command, ";", *copy],
        # Readline, which pytest loads, puts a width of its own past os.environ.
        env=dict(os.environ),
        check=True,
    )
    try:
        yield Screen(socket, written)
    finally:
        subprocess.run(["tmux", "-L", socket, "kill-server"], capture_output=True, check=False)
        shutil.rmtree(folder)
