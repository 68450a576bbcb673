"""What each format reads, case by case: `cases/*.txt`, in SQL and record by record.

A file holds blocks: a title, the columns, maybe options, then `payload => values`. A payload is
text as it stands, or a Python literal. Values are spelled as DuckDB spells them; one that starts
with `=` is a Python literal, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from merganser.engine.formats.format import Decoder
from tests.formats.harness import (
    FAILED,
    decode_exactly,
    decode_in_sql,
    make_decoder,
    shared_duck,
)
from tests.formats.type_notation import parse_columns

CASES = Path(__file__).parent / "cases"
FILLER_ROWS = 20


@dataclass(frozen=True, slots=True)
class Block:
    """Payloads of one schema, and what they give."""

    format_name: str
    title: str
    options: dict[str, str]
    cases: tuple[tuple[bytes, tuple[object, ...] | str], ...]

    def decoder(self) -> Decoder:
        """A new decoder of the block's columns."""
        return make_decoder(
            self.format_name,
            parse_columns(self.options["columns"]),
            wrapped=self.format_name == "JSON" and "bare" not in self.options,
            delimiter=self.options.get("delimiter", ","),
        )


def _payload(text: str) -> bytes:
    if text.startswith(("'", "b'")) and text.endswith("'"):
        value = ast.literal_eval(text)
        return value if isinstance(value, bytes) else str(value).encode()
    return text.encode()


def _value(text: str) -> object:
    match text:
        case "NULL":
            return None
        case "<empty>":
            return ""
        case _:
            return ast.literal_eval(text[1:]) if text.startswith("=") else text


def _values(text: str) -> tuple[object, ...] | str:
    return FAILED if text == "fails" else tuple(map(_value, text.split(" | ")))


def _blocks(path: Path) -> Iterator[Block]:
    for text in path.read_text(encoding="utf-8").split("\n# "):
        head, _, body = text.partition("\n----\n")
        title, *settings = head.removeprefix("# ").splitlines()
        options = {line.partition(": ")[0]: line.partition(": ")[2] for line in settings if line}
        cases = []
        for line in body.splitlines():
            if line:
                payload, arrow, values = line.partition(" => ")
                assert arrow, line
                cases.append((_payload(payload.rstrip(" ")), _values(values)))
        yield Block(path.stem.upper(), title, options, tuple(cases))


BLOCKS = [block for path in sorted(CASES.glob("*.txt")) for block in _blocks(path)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.format_name}: {block.title}")
def test_payloads_give_their_values(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    payloads = [payload for payload, _ in block.cases]
    expected = [values for _, values in block.cases]
    assert decode_exactly(monkeypatch, shared_duck(), block.decoder(), payloads) == expected


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.format_name}: {block.title}")
def test_sql_gives_the_same_values_among_ordinary_rows(
    block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = block.decoder()
    ordinary, values = next(case for case in block.cases if case[1] != FAILED)
    payloads = [ordinary] * FILLER_ROWS + [payload for payload, _ in block.cases] + [None]
    expected = [values] * FILLER_ROWS + [values for _, values in block.cases] + ["<null record>"]
    for review_rows in (0, len(payloads)):  # Also as it reads once it has learned.
        found = decode_in_sql(
            monkeypatch, shared_duck(), decoder, payloads, review_rows=review_rows
        )
        assert found == expected


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.format_name}: {block.title}")
def test_what_fails_has_a_reason_without_the_value(block: Block) -> None:
    decoder = block.decoder()
    for payload, values in block.cases:
        if values == FAILED:
            reason = decoder.reason(payload)
            assert reason
            assert reason != "the payload decodes"
            assert "\n" not in reason
