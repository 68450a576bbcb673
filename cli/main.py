"""The command `merganser`.

The first word chooses a command; without one (or with a server's address, or an option) it is the
shell, so that `merganser` takes the place of `ksql`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import NoReturn

import merganser
from merganser.cli.arguments import FAILED, MISUSED, SHELL_FAILED
from merganser.errors import MerganserError, PropertyError
from merganser.server.client import ServerError, UnreachableError

_COMMANDS: Mapping[str, str] = {
    "shell": "enter statements at a prompt (what `merganser` alone does)",
    "server": "serve ksqlDB's REST API",
    "run": "run the persistent queries of a file",
    "sql": "run statements and print their results for people or programs",
    "datagen": "write made-up records to a topic",
    "demo": "see a day of real flights go through a windowed aggregation",
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits with its status."""
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone, as `| head` does. Python would complain once more at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    name = arguments.pop(0) if arguments and arguments[0] in _COMMANDS else "shell"
    if arguments[:1] == ["--version"]:
        print(f"merganser {merganser.__version__}")  # noqa: T201 (what was asked for)
        return 0
    command = _command(name)
    parser = _Parser(
        prog="merganser" if name == "shell" else f"merganser {name}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        misused=SHELL_FAILED if name == "shell" else MISUSED,
    )
    command.configure(parser)
    if name == "shell":
        parser.epilog = _epilog(parser.epilog)
    options = parser.parse_args(arguments)
    try:
        status: int = command.execute(options)
    except PropertyError as error:
        return _report(error, parser.misused)
    except (MerganserError, ServerError, UnreachableError) as error:
        return _report(error, SHELL_FAILED if name == "shell" else FAILED)
    except KeyboardInterrupt:
        return 130  # What shells give a program that CTRL-C has ended.
    return status


def _report(error: Exception, status: int) -> int:
    print(f"error: {error}", file=sys.stderr)  # noqa: T201 (the program's last word)
    return status


def _command(name: str) -> ModuleType:
    """Imports a command's module: only the one that runs, since each has weighty imports."""
    from importlib import import_module  # noqa: PLC0415 (see above)

    return import_module(f"merganser.cli.commands.{name}")


def _epilog(text: str | None) -> str:
    commands = "\n".join(f"  {name:<10} {doc}" for name, doc in _COMMANDS.items())
    return f"{text or ''}\ncommands (merganser COMMAND --help tells more):\n{commands}"


class _Parser(argparse.ArgumentParser):
    """A parser that exits with a status of the command's own when it is misused."""

    def __init__(self, *, misused: int, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]  # (argparse checks them)
        self.misused = misused

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self.misused, f"{self.prog}: error: {message}\n")
