"""The prompt: editing over several lines, history, completion, and what Enter and CTRL-C mean.

Enter ends the input if it is empty, calls a command of the shell, or ends in a semicolon that
stands outside quotes and comments; otherwise it begins a further line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import ThreadedCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer

from merganser.cli.completer import Catalogue, StatementCompleter
from merganser.cli.highlight import StatementLexer
from merganser.cli.local import find_local
from merganser.cli.shell import FAREWELL, Shell
from merganser.cli.terminal import PROMPT
from merganser.parser.split import is_complete, split_script
from merganser.server.client import Client


def is_finished(text: str) -> bool:
    """Tells whether Enter ends this input."""
    return not split_script(text) or find_local(text) is not None or is_complete(text)


def interact(shell: Shell) -> None:
    """Reads and runs what a user types until the user leaves."""

    def new_client() -> Client:
        return shell.connection.another()  # Of the server that the shell is on by then.

    # The prompt would ask the terminal where its cursor is. An answer that comes late, over a slow
    # line or on a busy machine, is taken for one of the next prompt, which then scrolls the screen.
    os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
    prompt: PromptSession[str] = PromptSession(
        PROMPT,
        history=_history(),
        auto_suggest=AutoSuggestFromHistory(),
        completer=ThreadedCompleter(StatementCompleter(Catalogue(new_client).names)),
        complete_while_typing=False,
        key_bindings=_bindings(),
        lexer=PygmentsLexer(StatementLexer),
        multiline=True,
        prompt_continuation=">",
    )
    shell.history = lambda: list(prompt.history.get_strings())
    while shell.open:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            shell.terminal.write(FAREWELL)
            return
        shell.enter(text)


def read_piped(shell: Shell, lines: TextIO) -> None:
    """Runs what comes through a pipe, input by input, as if it were typed."""
    for text in _inputs(lines):
        shell.enter(text)
        if not shell.open:
            return


def _inputs(lines: TextIO) -> Iterator[str]:
    text = ""
    for line in lines:
        text += line
        if is_finished(text):
            yield text.strip()
            text = ""
    yield text.strip()


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_finished(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return bindings


def _history() -> History:
    """The history file; without a place for one, the history ends with the session."""
    path = history_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        print(f"no history is kept: {path}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return InMemoryHistory()
    return FileHistory(path)


def history_path() -> Path:
    """Returns where the history is kept: in the user's folder for the state of programs."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "merganser" / "history"
