"""Functions come from an extension folder and from installed packages, and outlive restarts."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from merganser.engine.answer import Answer
from merganser.engine.functions.python import loading
from merganser.engine.functions.python.declarations import OF_PROCESS
from merganser.engine.functions.python.loading import load_packages
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.statements.describe_function import FunctionDescription
from merganser.engine.statements.list_functions import FunctionNames
from merganser.errors import UnknownNameError
from tests.functions.python.running import engine_with, feed, output, run, stream

GEO = '''
"""Places."""
from dataclasses import dataclass
from merganser import aggregate_function, scalar_function
from _shared_of_geo import ONE

__author__ = "Ann"
__version__ = "1.2"

@dataclass
class Place:
    lat: float
    lon: float

@scalar_function
def place(lat: float, lon: float) -> Place:
    """A place by its coordinates."""
    return Place(lat, lon)

@scalar_function
def plus_one(n: int) -> int:
    return n + ONE

@aggregate_function
class AllOf:
    def initialise(self) -> list[int]:
        return []
    def add(self, state: list[int], n: int) -> list[int]:
        return [*state, n]
    def merge(self, older: list[int], newer: list[int]) -> list[int]:
        return older + newer
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with an extension folder in it."""
    ext = tmp_path / "ext"
    ext.mkdir()
    (ext / "geo.py").write_text(GEO)
    (ext / "_shared_of_geo.py").write_text("ONE = 1\n")
    return tmp_path


def described(answers: list[Answer]) -> FunctionDescription:
    """The only answer, of DESCRIBE FUNCTION."""
    (answer,) = answers
    assert isinstance(answer, FunctionDescription)
    return answer


def test_functions_of_a_folder_are_there_and_described(folder: Path) -> None:
    with engine_with(data_dir=folder) as engine:
        (names,) = engine.execute("SHOW FUNCTIONS;")
        assert isinstance(names, FunctionNames)
        assert {"PLACE", "PLUS_ONE", "ALL_OF", "LEN"} <= {f.name for f in names.functions}
        found = described(engine.execute("DESCRIBE FUNCTION place;"))
        fields = found.fields()
        assert fields["description"] == "A place by its coordinates."
        assert (fields["author"], fields["version"]) == ("Ann", "1.2")
        assert fields["path"] == str(folder / "ext" / "geo.py")
        text = found.tables()[0].title
        assert text is not None
        assert "PLACE(DOUBLE, DOUBLE)" in text
        assert "Author      : Ann" in text
        assert described(engine.execute("DESCRIBE FUNCTION len;")).fields()["path"] == "internal"
        aggregate = described(engine.execute("DESCRIBE FUNCTION all_of;"))
        assert aggregate.function.kind == "AGGREGATE"


def test_queries_go_on_after_a_restart(folder: Path) -> None:
    log = EmbeddedLog()
    with engine_with(log=log, data_dir=folder) as engine:
        engine.execute(
            stream("n BIGINT")
            + "CREATE TABLE out AS SELECT k, all_of(plus_one(n)) AS x FROM s GROUP BY k;"
        )
        feed(engine, {"N": 1}, {"N": 2})
        run(engine)
    with engine_with(log=log, data_dir=folder) as engine:
        feed(engine, {"N": 3})
        run(engine)
        assert output(engine)[-1] == {"X": [2, 3, 4]}


def test_engines_keep_their_functions_apart(folder: Path, tmp_path: Path) -> None:
    with engine_with(data_dir=folder), engine_with() as other:
        (names,) = other.execute("SHOW FUNCTIONS;")
        assert isinstance(names, FunctionNames)
        assert "PLUS_ONE" not in {f.name for f in names.functions}


def test_file_that_fails_is_named_and_the_others_are_there(folder: Path) -> None:
    ext = folder / "ext"
    (ext / "broken.py").write_text("1 / 0\n")
    (ext / "clash.py").write_text(
        "from merganser import scalar_function\n"
        "@scalar_function\ndef fine(n: int) -> int:\n    return n\n"
        "@scalar_function\ndef len(n: str) -> int:\n    return 1\n"
    )
    (ext / "syntax.py").write_text("def f(:\n")
    with engine_with(data_dir=folder) as engine:
        told = {Path(problem.place).name: problem.reason for problem in engine.functions.problems}
        assert set(told) == {"broken.py", "clash.py", "syntax.py"}
        assert told["broken.py"].startswith("ZeroDivisionError: division by zero\nat broken.py:1")
        assert "LEN is one of the language" in told["clash.py"]
        (names,) = engine.execute("SHOW FUNCTIONS;")
        assert isinstance(names, FunctionNames)
        known = {f.name for f in names.functions}
        assert "PLUS_ONE" in known
        assert "FINE" not in known


def test_folder_may_be_elsewhere(folder: Path) -> None:
    with engine_with(properties={"ksql.extension.dir": str(folder / "ext")}) as engine:
        assert described(engine.execute("DESCRIBE FUNCTION plus_one;")).signatures


def test_packages_name_their_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pack_of_test.py").write_text(
        "from merganser import scalar_function\n"
        "@scalar_function\ndef packed_of_test(n: int) -> int:\n    return n + 100\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    entries = [
        EntryPoint("bad", "no_such_module_of_test", loading.GROUP),
        EntryPoint("good", "pack_of_test", loading.GROUP),
    ]
    monkeypatch.setattr(loading, "entry_points", lambda group: entries)
    try:
        (problem,) = load_packages()
        assert problem.place == "entry point bad = no_such_module_of_test"
        assert "PACKED_OF_TEST" in OF_PROCESS.functions
    finally:
        OF_PROCESS.remove("PACKED_OF_TEST")
        sys.modules.pop("pack_of_test", None)


def test_query_whose_function_is_gone_names_the_file(folder: Path) -> None:
    log = EmbeddedLog()
    with engine_with(log=log, data_dir=folder) as engine:
        engine.execute(stream("n BIGINT") + "CREATE STREAM out AS SELECT k, plus_one(n) FROM s;")
    (folder / "ext" / "geo.py").write_text("import no_such_module_of_test\n")
    with (
        pytest.raises(UnknownNameError, match="PLUS_ONE does not exist") as caught,
        engine_with(log=log, data_dir=folder),
    ):
        pass
    assert "geo.py" in str(caught.value)
    assert "CREATE STREAM out" in str(caught.value)
