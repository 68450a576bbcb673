"""Sessions as users see them, against tests/golden/cli.

`shell.txt`: calls with `-e`, their output in a pipe, and `exit <status>`.
`screen.txt`: what is typed at the prompt of a real terminal of 100 by 50, and the screen after it.
Lines in parentheses are no text to type: `(wait TEXT)` waits until the screen shows it, `(press
KEY)` presses a key. `(more TEXT)` types a line that does not end the input.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from merganser.server.run import RunningServer
from tests.cli.conftest import Invoke
from tests.cli.screen import HAS_TMUX, Screen, screen
from tests.golden.golden import GoldenCase, check_golden, golden_cases

FOLDER = Path(__file__).parents[1] / "golden" / "cli"


@golden_cases(FOLDER, "shell.txt")
def test_in_a_pipe(
    case: GoldenCase, filled: RunningServer, invoke: Invoke, pytestconfig: pytest.Config
) -> None:
    program, *arguments = shlex.split(case.text)
    assert program == "merganser"
    outcome = invoke(*arguments, filled.url)
    assert outcome.err == ""
    shown = outcome.out.replace("\x1b", "<ESC>").replace(filled.url, "<url>")
    check_golden(case, f"{_without_trailing_blanks(shown)}exit {outcome.status}", pytestconfig)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TMUX, reason="tmux is the terminal")
@golden_cases(FOLDER, "screen.txt")
def test_on_a_screen(
    case: GoldenCase, filled: RunningServer, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    with screen([filled.url], {"XDG_STATE_HOME": str(tmp_path)}) as shown:
        shown.wait_for_prompt()
        shown.type("clear")
        shown.wait_for_prompt()
        for line in case.text.splitlines():
            _act(shown, line)
        check_golden(case, shown.text().replace(filled.url, "<url>"), pytestconfig)


def _act(shown: Screen, line: str) -> None:
    act = re.fullmatch(r"\((wait|press|more) ?(.*)\)", line)
    if act is None:
        shown.type(line)
        if not _waits(line):
            shown.wait_for_prompt()
    elif act[1] == "more":
        shown.type(act[2])
        shown.wait_for_more()
    elif act[1] == "wait":
        shown.wait_for(act[2])
    else:
        shown.press(act[2])
        shown.wait_for_prompt()


def _waits(line: str) -> bool:
    """Whether the statement runs until it is interrupted."""
    return line.endswith("EMIT CHANGES;") or line.startswith("PRINT")


def _without_trailing_blanks(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
