"""Commands of the shell itself, which need no semicolon and never reach a server.

A line is one if it starts with a command's words, in any letter case. Arguments are split at
blanks outside quotes.
Source: parity/cli-and-ops.md, 1.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from merganser.cli.session import OutputFormat, Session
from merganser.cli.terminal import Terminal
from merganser.errors import UserError

_ARGUMENT = re.compile(r"'((?:[^']|'')*)'|[^\s';]+")


class Shell(Protocol):
    """What local commands may do to the shell that runs them."""

    session: Session
    terminal: Terminal

    @property
    def url(self) -> str: ...
    def connect(self, url: str) -> None:
        """Goes over to another server."""
        ...

    def run_script(self, path: str) -> None:
        """Sends a file to the server as one request."""
        ...

    def server_version(self) -> str: ...
    def history(self) -> list[str]: ...
    def leave(self) -> None:
        """Ends the session after this command."""
        ...


@dataclass(frozen=True, slots=True)
class LocalCommand:
    """One command.

    Attributes:
        arguments: Fewest and most arguments.
        usage: What stands behind the name.
    """

    name: str
    arguments: tuple[int, int]
    usage: str
    doc: str
    run: Callable[[Shell, list[str]], None]

    @property
    def help(self) -> list[str]:
        """The command's part of the help text."""
        return [f"{self.name} {self.usage}".rstrip() + ":", f"\t{self.doc}"]


def find_local(line: str) -> tuple[LocalCommand, list[str]] | None:
    """Returns the command that a line calls, with its arguments; None if it calls none."""
    words = " ".join(line.split())
    for name, command in COMMANDS.items():
        head = words[: len(name)]
        rest = words[len(name) :]
        if head.casefold() == name and (not rest or rest[0] in " ;'"):
            tail = line.split(None, name.count(" ") + 1)[name.count(" ") + 1 :]
            return command, _arguments(tail[0] if tail else "")
    return None


def run_local(command: LocalCommand, arguments: list[str], shell: Shell) -> None:
    """Runs a command.

    Raises:
        UserError: Too few or too many arguments, or a wrong one.
    """
    fewest, most = command.arguments
    if not fewest <= len(arguments) <= most:
        amount = "few" if len(arguments) < fewest else "many"
        raise UserError(
            f'too {amount} parameters for command "{command.name}"',
            detail="\n".join(command.help),
        )
    command.run(shell, arguments)


def _arguments(text: str) -> list[str]:
    return [
        match[0] if match[1] is None else match[1].replace("''", "'")
        for match in _ARGUMENT.finditer(text)
    ]


def _help(shell: Shell, _arguments: list[str]) -> None:
    lines = [
        "Merganser runs streaming SQL. A statement ends with a semicolon and may span lines.",
        "See what there is with SHOW STREAMS; SHOW TABLES; SHOW TOPICS; SHOW QUERIES;",
        "SHOW FUNCTIONS; and look closer with DESCRIBE <name>; or EXPLAIN <query id>;",
        "",
        "Commands of the shell:",
        "",
    ]
    for command in COMMANDS.values():
        lines += [*command.help, ""]
    lines += [
        "Keys:",
        "",
        "\tTab completes keywords, names and functions.",
        "\tArrow keys and CTRL-R go through the history.",
        "\tCTRL-C clears the line, or ends a running query.",
        "\tCTRL-D leaves.",
        "",
        "Properties last for the session: SET 'auto.offset.reset'='earliest';",
    ]
    shell.terminal.write_lines(lines)


def _clear(shell: Shell, _arguments: list[str]) -> None:
    shell.terminal.clear()


def _output(shell: Shell, arguments: list[str]) -> None:
    if not arguments:
        shell.terminal.write(f"Current output format: {shell.session.output}")
        return
    wanted = arguments[0].upper()
    if wanted not in OutputFormat.__members__:
        known = ", ".join(OutputFormat)
        shell.terminal.write(f"Invalid output format: '{arguments[0]}' (valid formats: {known})")
        return
    shell.session.output = OutputFormat(wanted)
    shell.terminal.write(f"Output format set to {wanted}")


def _history(shell: Shell, _arguments: list[str]) -> None:
    shell.terminal.write_lines(
        f"{number:4d}: {line}" for number, line in enumerate(shell.history(), start=1)
    )


def _version(shell: Shell, _arguments: list[str]) -> None:
    shell.terminal.write(f"Version: {shell.server_version()}")


def _exit(shell: Shell, _arguments: list[str]) -> None:
    shell.leave()


def _run_script(shell: Shell, arguments: list[str]) -> None:
    shell.run_script(arguments[0])


def _server(shell: Shell, arguments: list[str]) -> None:
    if not arguments:
        shell.terminal.write(shell.url)
        return
    shell.connect(arguments[0])


def _pipelining(shell: Shell, arguments: list[str]) -> None:
    name = "request-pipelining"
    if not arguments:
        state = "ON" if shell.session.pipelining else "OFF"
        shell.terminal.write(f"Current {name} configuration: {state}")
        return
    shell.session.pipelining = _switch(name, arguments[0])
    shell.terminal.write(f"{name} configuration is now {arguments[0].upper()}")


def _spool(shell: Shell, arguments: list[str]) -> None:
    if arguments[0].upper() == "OFF":
        shell.terminal.spool_off()
    else:
        shell.terminal.spool_to(arguments[0])


def _set_cli(shell: Shell, arguments: list[str]) -> None:
    name, value = arguments[0].upper(), arguments[1]
    if name not in _CLI_SETTINGS:
        known = ", ".join(_CLI_SETTINGS)
        shell.terminal.write(f"Undefined property: {name}. Valid properties are: {known}")
        return
    try:
        _CLI_SETTINGS[name](shell.session, value)
    except UserError as error:
        shell.terminal.write(f"Invalid value {value} for configuration {name}: {error.message}")


def _set_wrap(session: Session, value: str) -> None:
    session.wrap = _switch("WRAP", value)


def _set_column_width(session: Session, value: str) -> None:
    if not value.isdecimal():
        raise UserError("a whole number is needed, 0 for automatic")
    session.column_width = int(value)


def _switch(name: str, value: str) -> bool:
    if value.upper() not in {"ON", "OFF"}:
        raise UserError(f"{name} is ON or OFF")
    return value.upper() == "ON"


_CLI_SETTINGS: Mapping[str, Callable[[Session, str], None]] = {
    "WRAP": _set_wrap,
    "COLUMN-WIDTH": _set_column_width,
}

COMMANDS: Mapping[str, LocalCommand] = {
    command.name: command
    for command in (
        LocalCommand("help", (0, 0), "", "Shows this text.", _help),
        LocalCommand("clear", (0, 0), "", "Clears the screen.", _clear),
        LocalCommand(
            "output", (0, 1), "[TABULAR|JSON]", "Shows or sets the form of results.", _output
        ),
        LocalCommand("history", (0, 0), "", "Lists what was entered before.", _history),
        LocalCommand("version", (0, 0), "", "Shows the server's version.", _version),
        LocalCommand("exit", (0, 0), "", "Leaves the shell.", _exit),
        LocalCommand(
            "run script",
            (1, 1),
            "<file>",
            "Runs the statements of a file, without SELECT and PRINT, as one request.",
            _run_script,
        ),
        LocalCommand("server", (0, 1), "[<url>]", "Shows or changes the server.", _server),
        LocalCommand(
            "request-pipelining",
            (0, 1),
            "[ON|OFF]",
            "OFF (the default) makes each statement wait until those before it have run.",
            _pipelining,
        ),
        LocalCommand(
            "spool",
            (1, 1),
            "<file>|OFF",
            "Copies what is entered and shown to a file, or ends that.",
            _spool,
        ),
        LocalCommand(
            "set cli",
            (2, 2),
            "WRAP ON|OFF or COLUMN-WIDTH <n>",
            "Sets how rows of queries are laid out; a width of 0 is automatic.",
            _set_cli,
        ),
    )
}
