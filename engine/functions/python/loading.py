"""Finding functions: the files of an extension folder, and installed packages.

A package names its module under the entry point group `merganser.functions`:

    [project.entry-points."merganser.functions"]
    geo = "my_package.functions"

A file or package that cannot be loaded is told of and left out; the others are not touched by it.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import structlog

from merganser.engine.functions.python.declarations import OF_PROCESS, Declarations, collecting
from merganser.engine.functions.python.failures import CALL_ERRORS, reason_of

logger = structlog.get_logger(__name__)

GROUP = "merganser.functions"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class LoadProblem:
    """A file or an entry point whose functions are not there, and why."""

    place: str
    reason: str


def load_folder(folder: Path, found: Declarations) -> list[LoadProblem]:
    """Runs each `*.py` of a folder in name order; those that begin with `_` are for the others."""
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
    problems: list[LoadProblem] = []
    for file in sorted(folder.glob("*.py")):
        if file.name.startswith("_"):
            continue
        declared = Declarations()
        try:
            with collecting(declared):
                _run(file)
            found.take(declared)
        except CALL_ERRORS as error:
            problems.append(_told(str(file), error))
    return problems


def load_packages() -> list[LoadProblem]:
    """Imports what installed packages name. A module is imported once in a process."""
    problems: list[LoadProblem] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            with collecting(OF_PROCESS):
                entry.load()
        except CALL_ERRORS as error:
            problems.append(_told(f"entry point {entry.name} = {entry.value}", error))
    return problems


def _run(file: Path) -> None:
    """Runs a file as a module of its own: two engines may read the same folder."""
    name = f"merganser_extension_{next(_numbers)}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Where dataclasses and type hints look their names up.
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _told(place: str, error: BaseException) -> LoadProblem:
    reason = reason_of(error)
    logger.error("functions could not be loaded", place=place, reason=reason)
    return LoadProblem(place, reason)
