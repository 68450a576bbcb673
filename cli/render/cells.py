"""Rows of a query in columns of one width, as ksqlDB's shell draws them.

Cell width is fixed when the header is drawn, because rows of a push query come one by one: the
terminal's width shared among the columns, or the session's COLUMN-WIDTH.
Source: parity/cli-and-ops.md, 1.6; wire recordings of the shell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells, set_cell_size

from merganser.cli.render.jsontext import Json

CELL_WIDTH_MIN = 5  # ksqlDB's floor: `null`, dates cut to the year and short numbers still fit.
ELLIPSIS = "..."
TOMBSTONE = "<TOMBSTONE>"


@dataclass(frozen=True, slots=True)
class CellLayout:
    """Widths of the cells of one result, in terminal cells.

    Attributes:
        columns: Number of columns.
        width: Of each cell, borders not counted.
        wrap: Whether long values go on in further lines (else they are cut with `...`).
    """

    columns: int
    width: int
    wrap: bool = True


def cell_layout(columns: int, terminal_width: int, column_width: int, *, wrap: bool) -> CellLayout:
    """Shares the terminal among the columns; `column_width` 0 means automatic."""
    width = column_width or max(terminal_width // max(columns, 1) - 2, CELL_WIDTH_MIN)
    return CellLayout(columns, width, wrap)


def cell_text(value: Json) -> str:
    """One value as text: structs and maps as `{A=1, B=x}`, arrays as `[1, 2]`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={cell_text(v)}" for name, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(cell_text(element) for element in value) + "]"
    return str(value)


def header_lines(names: Sequence[str], layout: CellLayout) -> list[str]:
    """The frame with the column names, which always wrap."""
    edge = "+" + ("-" * layout.width + "+") * layout.columns
    wrapped = CellLayout(layout.columns, layout.width, wrap=True)
    return [edge, *_lines(names, wrapped), edge]


def row_lines(values: Sequence[Json], layout: CellLayout, *, tombstone: bool = False) -> list[str]:
    """One row; in a tombstone the columns that the delete says nothing of show `<TOMBSTONE>`."""
    texts = [TOMBSTONE if tombstone and v is None else cell_text(v) for v in values]
    return _lines(texts, layout)


def _lines(texts: Sequence[str], layout: CellLayout) -> list[str]:
    cells = [_cell(text, layout) for text in texts]
    height = max((len(cell) for cell in cells), default=1)
    blank = " " * layout.width
    return [
        "|" + "".join((cell[line] if line < len(cell) else blank) + "|" for cell in cells)
        for line in range(height)
    ]


def _cell(text: str, layout: CellLayout) -> list[str]:
    """The lines of one cell, each exactly as wide as the cell."""
    # A line break in a value would break the frame: its lines wrap one below the other instead.
    flat = text.replace("\r\n", "\n").expandtabs(4)
    if layout.wrap:
        pieces = [piece for line in flat.split("\n") for piece in _chop(line, layout.width)]
    else:
        pieces = [_cut(flat.replace("\n", " "), layout.width)]
    return [set_cell_size(piece, layout.width) for piece in pieces]


def _chop(line: str, width: int) -> list[str]:
    return chop_cells(line, width) or [""]


def _cut(line: str, width: int) -> str:
    if cell_len(line) <= width:
        return line
    if width <= len(ELLIPSIS):
        return set_cell_size(line, width)
    return set_cell_size(line, width - len(ELLIPSIS)) + ELLIPSIS
