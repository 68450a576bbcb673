"""Rows of queries in cells of one width."""

from __future__ import annotations

import pytest

from merganser.cli.render.cells import (
    CellLayout,
    cell_layout,
    cell_text,
    header_lines,
    row_lines,
)
from merganser.server.client import ExactNumber


@pytest.mark.parametrize(
    ("columns", "terminal", "chosen", "width"),
    [
        (2, 100, 0, 48),
        (3, 100, 0, 31),
        (12, 100, 0, 6),
        (40, 100, 0, 5),  # never less than 5
        (3, 0, 0, 5),  # no terminal
        (3, 100, 12, 12),
        (3, 100, 1, 1),
        (0, 100, 0, 98),
    ],
)
def test_width_is_shared_unless_chosen(
    columns: int, terminal: int, chosen: int, width: int
) -> None:
    assert cell_layout(columns, terminal, chosen, wrap=True).width == width


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (ExactNumber("2.0"), "2.0"),
        (ExactNumber("1.0E10"), "1.0E10"),
        ("x", "x"),
        ({"A": 1, "B": None, "C": {"D": "e"}}, "{A=1, B=null, C={D=e}}"),
        ([1, None, ["a"]], "[1, null, [a]]"),
        ({}, "{}"),
    ],
)
def test_value_as_text(value: object, text: str) -> None:
    assert cell_text(value) == text  # type: ignore[arg-type]  # (any JSON)


def test_long_values_go_on_in_further_lines() -> None:
    layout = CellLayout(2, 5)
    assert header_lines(["ID", "A_LONGER"], layout) == [
        "+-----+-----+",
        "|ID   |A_LON|",
        "|     |GER  |",
        "+-----+-----+",
    ]
    assert row_lines([1, "a name that"], layout) == [
        "|1    |a nam|",
        "|     |e tha|",
        "|     |t    |",
    ]


def test_without_wrapping_long_values_are_cut_and_the_header_still_wraps() -> None:
    layout = CellLayout(1, 8, wrap=False)
    assert row_lines(["a name that is long"], layout) == ["|a nam...|"]
    assert row_lines(["just fit"], layout) == ["|just fit|"]
    assert header_lines(["A_LONGER_NAME"], layout)[1:3] == ["|A_LONGER|", "|_NAME   |"]


def test_cells_narrower_than_the_dots_are_just_cut() -> None:
    assert row_lines(["abcdef"], CellLayout(1, 3, wrap=False)) == ["|abc|"]


def test_a_tombstone_shows_what_it_says_nothing_of() -> None:
    layout = CellLayout(2, 12)
    assert row_lines(["k", None], layout, tombstone=True) == ["|k           |<TOMBSTONE> |"]
    assert row_lines(["k", None], layout) == ["|k           |null        |"]


def test_wide_letters_do_not_push_the_frame() -> None:
    assert row_lines(["日本語"], CellLayout(1, 5)) == ["|日本 |", "|語   |"]


def test_line_breaks_and_tabs_stay_in_their_cell() -> None:
    assert row_lines(["a\nb", "c\td"], CellLayout(2, 6)) == ["|a     |c   d |", "|b     |      |"]
    assert row_lines(["a\nb"], CellLayout(1, 6, wrap=False)) == ["|a b   |"]


def test_empty_text_is_an_empty_cell() -> None:
    assert row_lines([""], CellLayout(1, 5)) == ["|     |"]
