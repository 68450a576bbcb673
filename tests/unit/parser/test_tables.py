"""The parse tables are made once and loaded ever after, by any number of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lark import Lark

from merganser.parser import tables
from merganser.parser.tables import parser
from merganser.parser.words import GRAMMAR_PATH


@pytest.fixture(scope="module")
def made() -> Lark:
    """The tables, made once for all tests, for that takes its time."""
    return tables._make(GRAMMAR_PATH.read_text(encoding="utf-8"))


@pytest.fixture
def makings(made: Lark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An empty folder for tables, no parser in memory; gets an item each time tables are made."""
    count: list[str] = []

    def make(grammar: str) -> Lark:
        count.append(grammar)
        return made

    monkeypatch.setattr(tables, "_make", make)
    monkeypatch.setenv("MERGANSER_CACHE_DIR", str(tmp_path / "cache"))
    parser.cache_clear()
    yield count
    parser.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the tables."""
    return tmp_path / "cache"


def _parses() -> bool:
    return parser().parse("SHOW TOPICS;", start="terminated").data == "list_topics"


def test_made_once_then_loaded(makings: list[str], folder: Path) -> None:
    """The second process reads what the first has written, and nothing else is left behind."""
    for _process in range(3):
        parser.cache_clear()
        assert _parses()
    assert len(makings) == 1
    assert [file.suffix for file in folder.iterdir()] == [".tables"]


def test_one_parser_a_process(makings: list[str]) -> None:
    """The tables are kept in memory."""
    assert parser() is parser()
    assert len(makings) == 1


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04N."])
def test_a_broken_file_is_replaced(makings: list[str], folder: Path, content: bytes) -> None:
    """Half-written or foreign content is no error: the tables are made anew."""
    parser()
    (file,) = folder.iterdir()
    file.write_bytes(content)
    for _process in range(2):
        parser.cache_clear()
        assert _parses()
    assert len(makings) == 2


def test_a_folder_that_cannot_be_made_is_no_error(makings: list[str], folder: Path) -> None:
    """A read-only installation makes the tables in memory."""
    folder.write_text("a file is in the way")
    for _process in range(2):
        parser.cache_clear()
        assert _parses()
    assert len(makings) == 2


def test_tables_of_another_user_are_not_loaded(
    makings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pickle runs code, so only the user's own is trusted."""
    parser()
    parser.cache_clear()
    monkeypatch.setattr(os, "getuid", lambda: 123_456_789)
    assert _parses()
    assert len(makings) == 2


def test_another_grammar_has_another_file(
    makings: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new release does not read the tables of the old one."""
    parser()
    changed = tmp_path / "grammar.lark"
    changed.write_text(GRAMMAR_PATH.read_text(encoding="utf-8") + "// changed\n", encoding="utf-8")
    monkeypatch.setattr(tables, "GRAMMAR_PATH", changed)
    parser.cache_clear()
    parser()
    assert len(makings) == 2
    assert len(list(folder.iterdir())) == 2


def test_processes_may_start_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets a working parser, and one good file stays."""
    monkeypatch.setenv("MERGANSER_CACHE_DIR", str(folder))
    code = (
        "from merganser.parser.build import parse_statement as parse;"
        "assert parse('SHOW TOPICS').sql() == 'SHOW TOPICS'"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    (file,) = folder.iterdir()
    assert tables._load(file) is not None
