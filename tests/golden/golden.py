"""Golden files of text: `# name`, the input, `----`, the expected text; then the next case.

A test module takes its folder's cases with `@golden_cases(...)` and compares by `check_golden`.
`pytest --update-golden` writes what came out in place of what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_CASE = re.compile(
    r"^# (?P<name>.+)\n(?P<text>(?:.*\n)*?)----\n(?P<expected>(?:(?!# ).*\n?)*)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """One case of a golden file.

    Attributes:
        path: The file.
        name: What the case shows; unique in its file.
        text: The input, without the newline at its end.
        expected: What shall come out, likewise.

    """

    path: Path
    name: str
    text: str
    expected: str


def read_golden(path: Path) -> Iterator[GoldenCase]:
    """Read a file's cases; a stretch that is in no case is an error."""
    content = path.read_text(encoding="utf-8")
    end = 0
    for found in _CASE.finditer(content):
        assert not content[end : found.start()].strip(), f"{path}: not a case before {found[0]!r}"
        end = found.end()
        yield GoldenCase(
            path, found["name"], found["text"].rstrip("\n"), found["expected"].strip("\n")
        )
    assert not content[end:].strip(), f"{path}: no case: {content[end:]!r}"


def golden_cases(folder: Path, pattern: str = "*.sql") -> pytest.MarkDecorator:
    """Give a test the cases of the folder's files one by one, as its argument `case`."""
    cases = [case for path in sorted(folder.glob(pattern)) for case in read_golden(path)]
    assert cases, f"no golden cases in {folder}"
    ids = [f"{case.path.stem}: {case.name}" for case in cases]
    assert len(set(ids)) == len(ids), "two golden cases have one name"
    return pytest.mark.parametrize("case", cases, ids=ids)


def check_golden(case: GoldenCase, actual: str, config: pytest.Config) -> None:
    """Compare with what the case expects, or write it into the file if so asked."""
    actual = actual.strip("\n")
    if actual != case.expected and config.getoption("--update-golden"):
        _rewrite(case, actual)
        return
    assert actual == case.expected


def _rewrite(case: GoldenCase, actual: str) -> None:
    written = []
    for other in read_golden(case.path):
        expected = actual if other.name == case.name else other.expected
        written.append(f"# {other.name}\n{other.text}\n----\n{expected}\n")
    case.path.write_text("\n".join(written), encoding="utf-8")
