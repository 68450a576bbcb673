"""A server in the command line's own process, for those who have not started one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from merganser.server.config import load_config

if TYPE_CHECKING:
    from merganser.server.run import RunningServer


class _StderrLogger:
    """Writes to whatever stderr is when a line comes: it may be replaced while a server runs."""

    def msg(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)  # noqa: T201 (this is the log)

    debug = info = warning = error = critical = exception = msg


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Sends the server's own log to stderr, so that stdout has results and nothing else."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.dict_tracebacks,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _StderrLogger(),
        cache_logger_on_first_use=True,
    )


@contextmanager
def own_server(
    *, config_file: Path | None = None, flags: Mapping[str, object] | None = None
) -> Iterator[RunningServer]:
    """Runs a server on a free port of this machine, and ends it afterwards.

    Raises:
        PropertyError: A setting is wrong.
        MerganserError: The engine did not start.
    """
    from merganser.server.run import start_in_background  # noqa: PLC0415 (the engine takes long)

    log_to_stderr(logging.ERROR)
    config = load_config(config_file, flags={**(flags or {}), "host": "127.0.0.1", "port": 0})
    server = start_in_background(config)
    try:
        yield server
    finally:
        server.close()
