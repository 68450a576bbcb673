"""The examples of docs/beyond-ksqldb.md do what the page says, in one epoch and in many."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.functions.python.running import engine_with, output, run
from tests.runtime.driving import Input, Written, append, written

PAGE = Path(__file__).parents[2] / "docs" / "beyond-ksqldb.md"
_PAIR = re.compile(r"^```sql\n(.*?)^```\n+```json\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _examples() -> dict[str, tuple[str, dict[str, object]]]:
    """Heading and number → statements and records, of each pair of a sql and a json block.

    `out` are all records of the result in order, `merged` a table's rows by key.
    """
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        pairs = re.findall(
            r"^```sql\n(.*?)^```\n+```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL
        )
        for number, (sql, records) in enumerate(pairs, start=1):
            found[f"{section.splitlines()[0]} {number}"] = (sql, json.loads(records))
    return found


EXAMPLES = _examples()


def test_every_section_has_an_example_and_a_link() -> None:
    text = PAGE.read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert {heading.rsplit(" ", 1)[0] for heading in EXAMPLES} == set(titles)
    anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    assert re.findall(r"^- \[(.*?)\]\(#(.*?)\)$", text, re.MULTILINE) == [
        *zip(titles, anchors, strict=True)
    ]


@pytest.mark.parametrize("per_record", [False, True], ids=["one epoch", "epochs of one record"])
@pytest.mark.parametrize("heading", EXAMPLES)
def test_example(heading: str, per_record: bool) -> None:
    sql, expected = EXAMPLES[heading]
    records = expected["in"]
    assert isinstance(records, list)
    with engine_with() as engine:
        engine.execute(sql)
        for second, record in enumerate(records):
            value = {name: field for name, field in record.items() if name != "topic"}
            payload = json.dumps(value).encode()
            topic = record.get("topic", "input")
            append(engine.log, [Input(topic, 0, None, payload, second * 1000)])
            if per_record:
                run(engine)
        run(engine)
        if "out" in expected:
            assert output(engine) == expected["out"]
        else:
            assert _merged(written(engine.log, "OUT")) == expected["merged"]


def _merged(records: list[Written]) -> dict[str, object]:
    """A table's last row of each key that is there."""
    merged: dict[str, object] = {}
    for record in records:
        key = (record.key or b"").decode()
        merged.pop(key, None)
        if record.value is not None:
            merged[key] = json.loads(record.value)
    return merged
