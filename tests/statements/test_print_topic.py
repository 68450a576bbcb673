"""PRINT: lines, places to start, guessed formats."""

from __future__ import annotations

import struct

import pytest

from merganser.engine.answer import FormatLine, PrintResult
from merganser.engine.engine import Engine, StatementFailure
from merganser.engine.statements.guess_format import key_guess, value_guess
from merganser.errors import UnknownTopicError

LINES = [
    'rowtime: 1970/01/01 00:00:01.005 Z, key: 7, value: {"PAGE":"home","TAGS":["a b"]}',
    'rowtime: 2023/11/14 22:13:20.000 Z, key: 7, value: {"PAGE":null,"TAGS":null}',
]


def printed(engine: Engine, text: str, **properties: str) -> list[str]:
    result = engine.query(text, properties=properties)
    assert isinstance(result, PrintResult)
    return [line for line in result.lines if not isinstance(line, FormatLine)]


@pytest.fixture
def clicked(engine: Engine) -> Engine:
    engine.execute(
        "INSERT INTO CLICKS (ROWTIME, USERID, PAGE, TAGS) VALUES (1005, 7, 'home', ARRAY['a b']);"
        "INSERT INTO CLICKS (ROWTIME, USERID) VALUES (1700000000000, 7);"
    )
    return engine


def test_records_as_lines(clicked: Engine) -> None:
    found = printed(clicked, "PRINT 'clicks' FROM BEGINNING LIMIT 2;")
    assert [line.rpartition(", partition: ")[0] for line in found] == LINES


def test_limit_and_interval_count_records(clicked: Engine) -> None:
    assert len(printed(clicked, "PRINT clicks FROM BEGINNING LIMIT 1;")) == 1
    (only,) = printed(clicked, "PRINT clicks FROM BEGINNING INTERVAL 2 LIMIT 1;")
    assert "home" in only


def test_formats_are_told_before_the_records(clicked: Engine) -> None:
    result = clicked.query("PRINT 'clicks' FROM BEGINNING LIMIT 1;")
    assert isinstance(result, PrintResult)
    key, value, record = list(result.lines)
    assert key == "Key format: KAFKA_BIGINT or KAFKA_DOUBLE or KAFKA_STRING"
    assert value == "Value format: JSON or KAFKA_STRING"
    assert record.startswith("rowtime: ")


def test_without_beginning_it_starts_at_the_end(clicked: Engine) -> None:
    result = clicked.query("PRINT 'clicks' LIMIT 1;", properties={"auto.offset.reset": "latest"})
    assert isinstance(result, PrintResult)
    lines = iter(result.lines)
    assert next(lines) == ""
    clicked.execute("INSERT INTO CLICKS (USERID, PAGE) VALUES (9, 'later');")
    assert any("later" in line for line in lines)


def test_closing_ends_the_lines(clicked: Engine) -> None:
    result = clicked.query("PRINT 'clicks' FROM BEGINNING;")
    assert isinstance(result, PrintResult)
    lines = iter(result.lines)
    next(lines)
    result.close()
    assert len(list(lines)) < 5


def test_a_topic_of_another_case_is_hinted_at(engine: Engine) -> None:
    with pytest.raises(StatementFailure) as caught:
        engine.query("PRINT 'CLICKS';")
    assert isinstance(caught.value.error, UnknownTopicError)
    assert "Did you mean clicks?" in str(caught.value.error)


@pytest.mark.parametrize(
    ("payloads", "text", "shown"),
    [
        ([struct.pack(">q", 1)], "KAFKA_BIGINT or KAFKA_DOUBLE or KAFKA_STRING", "1"),
        ([struct.pack(">i", -2)], "KAFKA_INT", "-2"),
        ([b"customer-0001"], "KAFKA_STRING", "customer-0001"),
        ([b'{"a": 1, "b": "x y"}'], "JSON or KAFKA_STRING", '{"a":1,"b":"x y"}'),
        (
            [struct.pack(">qqq", 1, 61_000, 1000)],
            "SESSION(KAFKA_BIGINT) or SESSION(KAFKA_DOUBLE) or SESSION(KAFKA_STRING)",
            "[1@1000/61000]",
        ),
        ([b"key-1" + struct.pack(">q", 60_000)], None, "[key-1@60000/-]"),
    ],
)
def test_keys_are_guessed(payloads: list[bytes], text: str | None, shown: str) -> None:
    guess = key_guess()
    assert guess.narrow(payloads)
    if text is not None:
        assert guess.text == text
    assert guess.shown(payloads[0]) == shown


def test_a_guess_narrows_and_never_widens() -> None:
    guess = value_guess()
    assert not guess.narrow([None])
    assert guess.narrow([b"12"])
    assert guess.text == "JSON or KAFKA_STRING"
    assert not guess.narrow([b"13"])
    assert guess.narrow([b"hello"])
    assert guess.text == "KAFKA_STRING"
    assert not guess.narrow([b"14"])
    assert guess.narrow([b"\xff\xfe\x00"])
    assert guess.shown(b"\xff\xfe\x00") == "\\xFF\\xFE\\x00"
    assert guess.shown(b"hello") == "hello"
    assert guess.shown(None) == "<null>"
