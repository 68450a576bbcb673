"""What a format refuses when a statement declares it, and how it describes itself."""

from __future__ import annotations

import pytest

from merganser.engine.duck import Duck
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.schema import Column, Role
from merganser.errors import KeyRuleError, PropertyError, TypeMismatchError, UserError
from tests.formats.harness import batch_of, shared_duck
from tests.formats.type_notation import parse_columns


def _check(name: str, text: str, *, is_key: bool = False, delimiter: str = ",") -> None:
    columns = parse_columns(text) if text else []
    if is_key:
        columns = [Column(column.name, column.type, Role.KEY) for column in columns]
    options = FormatOptions(wrapped=False, delimiter=delimiter)
    FORMATS[name].check(columns, options, is_key=is_key)


@pytest.mark.parametrize(
    ("name", "columns", "is_key"),
    [
        ("JSON", "A MAP<STRING, ARRAY<INT>>, B STRUCT<x DECIMAL(5, 2)>", False),
        ("JSON", "A STRUCT<x ARRAY<INT>>, B INT", True),
        ("JSON", "", False),
        ("DELIMITED", "A INT, B BYTES, C TIMESTAMP, D DECIMAL(5, 2)", False),
        ("DELIMITED", "A BOOLEAN, B STRING", True),
        ("KAFKA", "A DOUBLE", True),
        ("KAFKA", "A BYTES", False),
        ("KAFKA", "", True),
        ("NONE", "", True),
    ],
)
def test_what_is_accepted(name: str, columns: str, is_key: bool) -> None:
    _check(name, columns, is_key=is_key)


@pytest.mark.parametrize(
    ("name", "columns", "is_key", "error", "message"),
    [
        ("JSON", "A MAP<INT, INT>", False, TypeMismatchError, "STRING keys"),
        ("JSON", "A ARRAY<STRUCT<m MAP<INT, INT>>>", False, TypeMismatchError, "STRING keys"),
        ("JSON", "A ARRAY<MAP<STRING, INT>>", True, KeyRuleError, "cannot hold a MAP"),
        ("DELIMITED", "A ARRAY<INT>", False, TypeMismatchError, "ARRAY<INTEGER>"),
        ("DELIMITED", "A INT, B MAP<STRING, INT>", False, TypeMismatchError, "MAP"),
        ("DELIMITED", "A STRUCT<x INT>", True, TypeMismatchError, "STRUCT"),
        ("KAFKA", "A BOOLEAN", False, TypeMismatchError, "BOOLEAN"),
        ("KAFKA", "A DECIMAL(5, 2)", True, TypeMismatchError, "DECIMAL(5, 2)"),
        ("KAFKA", "A TIMESTAMP", False, TypeMismatchError, "TIMESTAMP"),
        ("KAFKA", "A STRUCT<x INT>", True, TypeMismatchError, "STRUCT"),
        ("KAFKA", "A INT, B INT", False, TypeMismatchError, "one value column, found 2"),
        ("KAFKA", "A INT, B INT", True, KeyRuleError, "one key column, found 2"),
        ("NONE", "A INT", True, KeyRuleError, "no key columns"),
        ("NONE", "", False, UserError, "only be a key's"),
    ],
)
def test_what_is_refused(
    name: str, columns: str, is_key: bool, error: type[UserError], message: str
) -> None:
    with pytest.raises(error) as found:
        _check(name, columns, is_key=is_key)
    assert message in found.value.message


@pytest.mark.parametrize("delimiter", ["", " ", "\t", "ab", '"', "\n"])
def test_delimiters_are_one_letter_that_can_be_seen(delimiter: str) -> None:
    with pytest.raises(PropertyError):
        _check("DELIMITED", "A INT", delimiter=delimiter)


@pytest.mark.parametrize("delimiter", ["|", "$", "TAB", "SPACE", "tab", "é"])
def test_delimiters_may_be_named(delimiter: str) -> None:
    _check("DELIMITED", "A INT", delimiter=delimiter)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        # key, value, several keys, wraps, unwraps, wraps by default, infers
        ("NONE", (True, False, False, False, False, False, False)),
        ("KAFKA", (True, True, False, False, True, False, False)),
        ("DELIMITED", (True, True, True, False, True, False, False)),
        ("JSON", (True, True, True, True, True, True, False)),
        ("JSON_SR", (True, True, True, True, True, True, True)),
        ("AVRO", (True, True, True, True, True, True, True)),
        ("PROTOBUF", (True, True, True, True, False, True, True)),
        ("PROTOBUF_NOSR", (True, True, True, True, True, True, False)),
    ],
)
def test_formats_say_what_they_can_do(name: str, facts: tuple[bool, ...]) -> None:
    entry = FORMATS[name]
    assert entry.name == name
    assert facts == (
        entry.key, entry.value, entry.several_keys, entry.wraps, entry.unwraps,
        entry.wraps_by_default, entry.infers,
    )  # fmt: skip


def test_the_none_format_reads_no_key() -> None:
    batch = batch_of(shared_duck(), [b"ignored", None])
    decoder = FORMATS["NONE"].decoder([], FormatOptions(wrapped=False), is_key=True)
    decoded = decoder.decode(batch, '"payload"')
    assert decoded.columns == {}
    assert decoded.failed is None
    assert shared_duck().rows(f"SELECT {decoded.null} FROM {batch.source}") == [(True,)] * 2


def test_decoders_of_one_batch_stand_side_by_side() -> None:
    duck = Duck.memory()
    batch = batch_of(duck, [b'"k"', b'{"A":1}'])
    options = FormatOptions(wrapped=False)
    key = FORMATS["JSON"].decoder(parse_columns("K STRING"), options, is_key=True)
    value = FORMATS["JSON"].decoder(
        parse_columns("A INT"), FormatOptions(wrapped=True), is_key=False
    )
    keys = key.decode(batch, '"payload"')
    values = value.decode(batch, '"payload"')
    rows = duck.rows(
        f"SELECT place, {keys.columns['K']}, {values.columns['A']}, {values.failed} "
        f"FROM {batch.source}"
    )
    assert rows == [(0, "k", None, True), (1, '{"A":1}', 1, False)]
