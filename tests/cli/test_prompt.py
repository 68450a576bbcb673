"""The prompt, with keys from a pipe: when Enter ends the input, what CTRL-C and CTRL-D do."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from pygments import lex
from pygments.token import Comment, Keyword, Name, String

from merganser.cli.completer import Names, StatementCompleter
from merganser.cli.highlight import StatementLexer
from merganser.cli.local import find_local
from merganser.cli.repl import history_path, interact, is_finished
from merganser.cli.shell import Shell
from merganser.cli.terminal import Terminal

CTRL_C = "\x03"
CTRL_D = "\x04"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n ",
        "SHOW TOPICS;",
        "SHOW TOPICS ;  ",
        "SELECT 1;\nSELECT 2;",
        "SELECT 'a;b' FROM s; -- why",
        "-- just a remark",
        "help",
        "Exit",
        "output JSON",
        "set cli wrap off",
        "run script '/a b.sql'",
    ],
)
def test_enter_ends(text: str) -> None:
    assert is_finished(text)


@pytest.mark.parametrize(
    "text",
    [
        "SHOW TOPICS",
        "SELECT 'abc;",
        "SELECT `abc;",
        "SHOW TOPICS; SHOW",
        "SHOW TOPICS -- ;",
        "/* open ;",
        "outputs",
        "set 'a'='b'",
        "exited",
    ],
)
def test_enter_goes_on(text: str) -> None:
    assert not is_finished(text)


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("OUTPUT", "output", []),
        ("output   json ;", "output", ["json"]),
        ("run  script './a b.sql';", "run script", ["./a b.sql"]),
        ("spool 'it''s'", "spool", ["it's"]),
        ("SET CLI COLUMN-WIDTH 12", "set cli", ["COLUMN-WIDTH", "12"]),
        ("server http://x:1", "server", ["http://x:1"]),
        ("exit;", "exit", []),
    ],
)
def test_commands_of_the_shell(line: str, name: str, arguments: list[str]) -> None:
    found = find_local(line)
    assert found is not None
    assert (found[0].name, found[1]) == (name, arguments)


@dataclass
class RecordingShell:
    """A shell that only takes notes."""

    entered: list[str] = field(default_factory=list)
    screen: io.StringIO = field(default_factory=io.StringIO)
    open: bool = True

    def __post_init__(self) -> None:
        self.terminal = Terminal(self.screen)

    def enter(self, text: str) -> None:
        self.entered.append(text)
        self.open = text != "exit"


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def run(keys: PipeInput, typed: str) -> RecordingShell:
    shell = RecordingShell()
    keys.send_text(typed)
    interact(cast("Shell", shell))
    return shell


def test_statements_may_span_lines(keys: PipeInput) -> None:
    shell = run(keys, "SELECT ID\rFROM S\r\rLIMIT 1;\rexit\r")
    assert shell.entered == ["SELECT ID\nFROM S\n\nLIMIT 1;", "exit"]


def test_ctrl_c_clears_what_was_typed(keys: PipeInput) -> None:
    shell = run(keys, f"SELECT 'abc\rdef{CTRL_C}SHOW TYPES;\rexit\r")
    assert shell.entered == ["SHOW TYPES;", "exit"]


def test_ctrl_d_leaves(keys: PipeInput) -> None:
    shell = run(keys, f"SHOW TYPES;\r{CTRL_D}")
    assert shell.entered == ["SHOW TYPES;"]
    assert shell.screen.getvalue() == "Exiting Merganser.\n"


def test_history_is_kept_for_the_next_session(keys: PipeInput) -> None:
    run(keys, "SHOW TYPES;\rSHOW TYPES;\rexit\r")
    assert history_path().read_text().count("SHOW TYPES;") == 1  # Not the same twice in a row.
    arrow_up = "\x1b[A"
    shell = run(keys, f"{arrow_up}{arrow_up}\rexit\r")
    assert shell.entered == ["SHOW TYPES;", "exit"]


NAMES = Names(
    columns={"PAGEVIEWS": ["USERID", "PAGE"], "USERS": ["USERID", "COUNTRY"], "`odd`": ["`x`"]},
    functions=["UCASE", "COUNT"],
    topics=["pageviews", "users"],
    queries=["CSAS_X_1"],
    properties=["auto.offset.reset"],
)


def completed(before: str, after: str = "") -> list[str]:
    document = Document(before + after, len(before))
    found = StatementCompleter(lambda: NAMES).get_completions(document, CompleteEvent())
    return [completion.text for completion in found]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("SELECT * FROM pag", ["pageviews"]),
        ("SELECT * FROM PAG", ["PAGEVIEWS"]),
        ("DROP STREAM U", ["USERS"]),
        ("DESCRIBE od", []),
        ("SELECT UCA", ["UCASE"]),
        ("SELECT COUN", ["COUNTRY", "COUNT"]),
        ("TERMINATE C", ["CSAS_X_1", "CASE", "CAST"]),
        ("PRINT 'p", ["pageviews"]),
        ("SET 'auto", ["auto.offset.reset"]),
        ("CREATE STREAM x WITH (KAFKA_TOPIC='us", ["users"]),
        ("SELECT 'us", []),
        ("spo", ["spool"]),
        ("", []),
    ],
)
def test_completion_fits_its_place(before: str, expected: list[str]) -> None:
    assert completed(before)[: len(expected)] == expected
    if not expected:
        assert completed(before) == []


def test_columns_are_those_of_the_named_sources() -> None:
    assert completed("SELECT US", " FROM PAGEVIEWS") == ["USERID"]
    assert "PAGE" not in completed("SELECT P", " FROM USERS")
    assert "`x`" in completed("SELECT ", " FROM `odd`")


def test_short_words_become_whole_statements() -> None:
    assert completed("csas")[0] == "CREATE STREAM s AS SELECT * FROM src EMIT CHANGES;"


def test_statements_are_coloured() -> None:
    tokens = list(lex("SELECT `a` FROM s WHERE b = 'it''s' -- so", StatementLexer()))
    assert (Keyword, "SELECT") in tokens
    assert (Name, "`a`") in tokens
    assert (String.Single, "'it''s'") in tokens
    assert (Comment.Single, "-- so") in tokens
    assert (
        "".join(text for _, text in tokens).strip() == "SELECT `a` FROM s WHERE b = 'it''s' -- so"
    )
