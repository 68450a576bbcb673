"""The examples of docs/python-functions.md do what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.functions.python.running import PROCESSING_LOG, engine_with, feed, output, run

PAGE = Path(__file__).parents[3] / "docs" / "python-functions.md"
ENABLED = {"merganser.functions.python.enabled": "true"}


def _examples() -> dict[str, dict[str, str]]:
    """Heading → language → code, of the sections that have statements."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
        if "sql" in blocks:
            found[section.splitlines()[0]] = blocks
    return found


EXAMPLES = _examples()


def test_all_sections_were_found() -> None:
    assert len(EXAMPLES) == 8
    links = re.findall(r"^- \[(.*?)\]\(#(.*?)\)$", PAGE.read_text(), re.MULTILINE)
    for title, anchor in links:
        assert f"\n## {title}\n" in PAGE.read_text()
        assert anchor == re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("heading", EXAMPLES)
def test_example(heading: str, tmp_path: Path) -> None:
    blocks = EXAMPLES[heading]
    expected = json.loads(blocks["json"])
    (tmp_path / "ext").mkdir()
    (tmp_path / "ext" / "doc.py").write_text(blocks.get("python", ""))
    with engine_with(data_dir=tmp_path, properties=ENABLED) as engine:
        assert engine.functions.problems == ()
        engine.execute(blocks["sql"])
        feed(engine, *expected["in"], key=None)
        run(engine)
        assert output(engine) == expected["out"]
        told = [
            entry["message"]["recordProcessingError"]
            for entry in output(engine, PROCESSING_LOG)
            if isinstance(entry, dict)
        ]
        wanted = expected.get("log", [])
        assert [{name: one[name] for name in wanted[0]} for one in told] == wanted
