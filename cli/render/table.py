"""Tables of fixed content: ` H1 | H2 `, a dashed line, the rows, a dashed line.

Source: parity/cli-and-ops.md, 1.6; wire recordings of the shell.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

LABEL_WIDTH = 20


def table_lines(
    headers: Sequence[str], rows: Sequence[Sequence[str]], terminal_width: int
) -> list[str]:
    """Draws a table.

    Dashed lines end at the terminal's edge; where there is no terminal (width 0) they are empty,
    which is what ksqlDB's shell writes into a pipe.
    """
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [cell_len(header) for header in headers]
    for row in texts:
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], cell_len(cell))
    head = _line(headers, widths)
    rule = "-" * min(cell_len(head), terminal_width)
    return [head, rule, *(_line(row, widths) for row in texts), rule]


def label(name: str, value: object) -> str:
    """`Name                 : value`."""
    return f"{name:<{LABEL_WIDTH}} : {value}"


def one_line(text: str) -> str:
    """Text with its line breaks turned to blanks."""
    return " ".join(text.splitlines())


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=True))
    return " " + " | ".join(padded) + " "
