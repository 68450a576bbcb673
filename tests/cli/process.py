"""The command line as a process of its own, for what only a process shows: signals."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import wait_until
from tests.cli.screen import PROGRAM

END_SECONDS = 30


class Process:
    """A running `merganser`, its output in files so that no pipe fills up."""

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                [PROGRAM, *arguments],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    @property
    def out(self) -> str:
        """Stdout so far."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """Stderr so far."""
        return self._err.read_text()

    def wait_for(self, text: str) -> None:
        """Waits until stdout or stderr has a text."""

        def there() -> bool:
            assert self._process.poll() is None or text in self.out + self.err, self.out + self.err
            return text in self.out + self.err

        wait_until(there)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Waits for the end and gives the exit status."""
        return self._process.wait(END_SECONDS)

    def kill(self) -> None:
        """Ends it in any case."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def process(folder: Path, *arguments: object) -> Iterator[Process]:
    """Runs `merganser` until it ends, or the test does."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Process(folder, tuple(str(argument) for argument in arguments))
    try:
        yield running
    finally:
        running.kill()
