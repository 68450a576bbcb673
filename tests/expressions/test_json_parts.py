"""`->` and `->>` with a path: parts of JSON values and of texts that hold JSON."""

from __future__ import annotations

import pytest

from merganser.errors import TypeMismatchError, UnsupportedError
from tests.expressions.evaluation import bind, evaluate

TEXT = '{"user":{"name":"ann","tags":["x","y"],"age":3.5},"none":null,"a b":true,"Name":"N"}'


@pytest.mark.parametrize("kind", ["JSON", "STRING"])
@pytest.mark.parametrize(
    ("path", "value", "type_"),
    [
        ("J->'user'->'name'", '"ann"', "JSON"),
        ("J->'user'->>'name'", "ann", "STRING"),
        ("J->>'$.user.name'", "ann", "STRING"),
        ("J->'$.user.tags[1]'", '"y"', "JSON"),
        ("J->'user'->'tags'->>0", "x", "STRING"),
        ("J->>'user'", '{"name":"ann","tags":["x","y"],"age":3.5}', "STRING"),
        ("J->'user'->'tags'", '["x","y"]', "JSON"),
        ("CAST(J->'user'->>'age' AS DOUBLE)", 3.5, "DOUBLE"),
        ("J->'none'", None, "JSON"),
        ("J->>'none'", None, "STRING"),
        ("J->'name'", None, "JSON"),
        ("J->>'Name'", "N", "STRING"),
        ("J->>'a b'", "true", "STRING"),
        ("J->>'$.\"a b\"'", "true", "STRING"),
        ("J->5", None, "JSON"),
        ("UCASE(J->'user'->>'name')", "ANN", "STRING"),
        ("EXTRACTJSONFIELD(J->'user', '$.name')", "ann", "STRING"),
    ],
)
def test_part(kind: str, path: str, value: object, type_: str) -> None:
    result = evaluate(path, J=(kind, TEXT))
    assert (result.value, result.type.sql(), result.failed) == (value, type_, False)
    assert evaluate(path, J=(kind, None)).value is None


def test_text_that_is_no_json_gives_null_and_is_told() -> None:
    for path in ("J->'a'", "J->>'a'", "CAST(J AS JSON)"):
        result = evaluate(path, J=("STRING", "{no json"))
        assert (result.value, result.failed) == (None, True)


def test_a_field_of_a_struct_is_still_a_name() -> None:
    assert evaluate("S->A", S=("STRUCT<A INT>", {"A": 5})).value == 5
    with pytest.raises(TypeMismatchError, match="needs JSON or a STRING") as caught:
        bind("S->'A'", S="STRUCT<A INT>")
    assert caught.value.span is not None


@pytest.mark.parametrize("path", ["$.*", "$..a", "$.a[*]", "$a", "$.a["])
def test_path_to_several_parts_is_refused(path: str) -> None:
    with pytest.raises(UnsupportedError, match="is no path to one part of JSON"):
        bind(f"J->'{path}'", J="JSON")


@pytest.mark.parametrize("text", ["J < J", "J < 'a'", "CAST(J AS INT)", "J + 1", "CAST(3 AS JSON)"])
def test_json_is_no_number_and_has_no_order(text: str) -> None:
    with pytest.raises(TypeMismatchError):
        bind(text, J="JSON")


def test_json_is_equal_as_text() -> None:
    assert evaluate("J = J", J=("JSON", TEXT)).value is True
