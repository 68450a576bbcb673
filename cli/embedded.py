"""A server in the command line's own process, for those who have not started one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

import structlog
from structlog.typing import Processor

from merganser.server.config import load_config

if TYPE_CHECKING:
    from merganser.server.run import RunningServer

BEGIN_SECONDS = 30.0


class _StderrLogger:
    """Writes to whatever stderr is when a line comes: it may be replaced while a server runs."""

    def msg(self, message: str) -> None:
        print(message, file=sys.stderr, flush=True)  # noqa: T201 (this is the log)

    debug = info = warning = error = critical = exception = msg


LOG_FORMS = ("logfmt", "json", "console")


def log_to_stderr(level: int, *, tracebacks: bool, form: str = "logfmt") -> None:
    """Sends the server's own log to stderr, so that stdout has results and nothing else.

    `form`: `name=value` pairs, a JSON object a line, or lines for people.

    Tracebacks are without the values of variables: records have no place in a log.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info if tracebacks else _without_exception,
            _renderer(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _StderrLogger(),
        cache_logger_on_first_use=True,
    )


def _renderer(form: str) -> Processor:
    match form:
        case "json":
            return structlog.processors.JSONRenderer(default=str)
        case "console":
            return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        case _:
            return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])


def _without_exception(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Keeps what kind of error it was and its message."""
    if event.pop("exc_info", None):
        error = sys.exc_info()[1]
        event["error"] = f"{type(error).__name__}: {error}"
    return event


@contextmanager
def own_server(
    *, config_file: Path | None = None, flags: Mapping[str, object] | None = None
) -> Iterator[RunningServer]:
    """Runs a server on a free port of this machine, and ends it afterwards.

    Queries that the log has from an earlier time have begun when the server is given out: a table
    that was asked at once would else refuse to answer.

    Raises:
        PropertyError: A setting is wrong.
        MerganserError: The engine did not start.
    """
    from merganser.server.run import start_in_background  # noqa: PLC0415 (the engine takes long)

    log_to_stderr(logging.ERROR, tracebacks=False)
    config = load_config(config_file, flags={**(flags or {}), "host": "127.0.0.1", "port": 0})
    server = start_in_background(config)
    try:
        _wait_until_begun(server)
        yield server
    finally:
        server.close()


def _wait_until_begun(server: RunningServer) -> None:
    """Waits for the queries, but not for ever: one whose log is away may never begin."""
    until = monotonic() + BEGIN_SECONDS
    pause = Event()
    while any(stats.state == "CREATED" for stats in server.engine.stats()):
        if monotonic() > until:
            return
        pause.wait(0.02)
