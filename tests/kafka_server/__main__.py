"""The servers from the command line: `python -m tests.kafka_server start DATA`.

install [kafka tools connect registry]    fetch the jars into the cache (default: kafka)
start DATA [PORT] [--set key=value]       broker; prints its bootstrap address when it answers
registry DATA [PORT]                      schema registry; prints its URL
connect DATA [PORT] [--set key=value]     Kafka Connect on DATA's broker; prints its URL
stop DATA                                 stop all; records stay until DATA is deleted
tool DATA CLASS ARGUMENTS...              a class of Kafka's; {bootstrap} is replaced

Everything binds to 127.0.0.1; port 0 or none picks a free one. Needs a JVM of 17+ and Maven.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.kafka_server import servers
from tests.kafka_server.jars import PARTS, ServerToolError, install, jars_root


def main(words: list[str]) -> int:
    """Runs one command and gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="kafka_server", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "command", choices=["install", "start", "registry", "connect", "stop", "tool"]
    )
    parser.add_argument("words", nargs="*")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    known, more = parser.parse_known_args(words)
    settings = dict(pair.split("=", 1) for pair in known.set)
    if known.command == "install":
        for part in PARTS:
            if part in (known.words or ["kafka"]):
                install(part, servers.prime if part == "kafka" else None)
        _say(str(jars_root()))
        return 0
    if not known.words:
        parser.error("which data folder?")
    data = Path(known.words[0]).resolve()
    if known.command == "tool":
        at = words.index(known.words[1])
        return servers.run_tool(data, known.words[1], words[at + 1 :])
    if more:
        parser.error(f"unknown: {' '.join(more)}")
    port = int(known.words[1]) if len(known.words) > 1 else 0
    match known.command:
        case "start":
            _say(servers.start_kafka(data, port, settings))
        case "registry":
            _say(servers.start_registry(data, port))
        case "connect":
            _say(servers.start_connect(data, port, settings))
        case _:
            servers.stop_all(data)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ServerToolError as error:
        sys.exit(str(error))
