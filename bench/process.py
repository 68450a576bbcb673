"""A measured system as a process: started, metered from outside, stopped. Linux's /proc is read."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS_MAX = 60.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used since it was started.

    Attributes:
        cpu_seconds: User and system time of all threads.
        rss_bytes_max: The largest resident size so far.
    """

    seconds: float
    cpu_seconds: float
    rss_bytes_max: int


@dataclass
class MeteredProcess:
    """A process that is measured. Its output goes to a file, shown if it ends by itself."""

    command: Sequence[str]
    output: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.output.open("wb") as out:
            self._started = time.monotonic()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )

    def usage(self) -> Usage:
        """What it has used until now.

        Raises:
            RuntimeError: It has ended.
        """
        if self._process.poll() is not None:
            tail = self.output.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.command[0]} ended with {self._process.returncode}:\n{tail}")
        folder = Path("/proc") / str(self._process.pid)
        # The name, in brackets, may hold blanks: fields are counted behind it.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        status = (folder / "status").read_text()
        peak_kib = int(status.split("VmHWM:")[1].split()[0])
        return Usage(time.monotonic() - self._started, ticks / _TICKS_PER_SECOND, peak_kib * 1024)

    def stop(self) -> None:
        """Ends it."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
