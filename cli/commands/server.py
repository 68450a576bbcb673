"""`merganser server`: a server in the foreground."""

from __future__ import annotations

import argparse
import logging
import signal

from merganser.cli.arguments import OK, add_server_options, address, server_flags
from merganser.cli.embedded import LOG_FORMS, log_to_stderr
from merganser.server.config import load_config
from merganser.server.tracing import export_traces

_LEVELS = ("debug", "info", "warning", "error")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.description = (
        "Serves ksqlDB's REST API, and runs the queries that clients start, until SIGTERM or "
        "SIGINT.\nSettings come from a TOML file, from the environment (MERGANSER_DATA_DIR and so "
        "on) and from flags;\nthe later one wins."
    )
    parser.add_argument(
        "--listen",
        type=address,
        metavar="HOST:PORT",
        help="where to listen (default: 127.0.0.1:8088); port 0 takes a free one",
    )
    add_server_options(parser)
    parser.add_argument(
        "--log-level", choices=_LEVELS, default="info", help="what to log on stderr"
    )
    parser.add_argument(
        "--traces",
        action="store_true",
        help="send OpenTelemetry traces as the environment's OTEL_ settings say; needs "
        "merganser[otel]",
    )
    parser.add_argument(
        "--log-format",
        choices=LOG_FORMS,
        default="logfmt",
        help="name=value pairs, a JSON object a line, or lines for people (default: logfmt)",
    )


def execute(options: argparse.Namespace) -> int:
    """Runs the server until it is told to end; that is its normal end."""
    from merganser.server.run import serve  # noqa: PLC0415 (the engine takes long; help does not)

    level = logging.getLevelNamesMapping()[options.log_level.upper()]
    log_to_stderr(level, tracebacks=True, form=options.log_format)
    host, port = options.listen or (None, None)
    config = load_config(
        options.config, flags={**server_flags(options), "host": host, "port": port}
    )
    if options.traces:
        export_traces(config.service_id)
    # uvicorn shuts down at these signals and then raises them again, for whoever was there before.
    # Without a handler of ours that would be the system's, and a wanted end a death by signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    serve(config)
    return OK
