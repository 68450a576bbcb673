"""The modes in which a query case is run. Each is another way to cut or to interrupt the input."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Mode(StrEnum):
    """How the records of a case reach its tasks.

    RECORD: epochs of one record; outputs must be equal, one by one.
    EPOCH: all records of a task in one epoch; outputs must be equal once merged by key.
    RESTART: as RECORD, with a crash in the middle that loses the state: replay restores it.
    SNAPSHOT: as RESTART, but the state file survives.
    """

    RECORD = "record"
    EPOCH = "epoch"
    RESTART = "restart"
    SNAPSHOT = "snapshot"
    NO_RULES = "no-rules"
    PLAN = "plan"


AVAILABLE = (Mode.RECORD, Mode.EPOCH, Mode.RESTART, Mode.SNAPSHOT)
"""What `--mode all` runs; the others wait for what they switch."""


def modes_of(names: str) -> Sequence[Mode]:
    """The modes behind a command-line value: some names with commas between, or `all`.

    Raises:
        ValueError: There is no such mode, or it cannot be run yet.
    """
    if names == "all":
        return AVAILABLE
    modes = tuple(Mode(name) for name in names.split(","))
    for mode in modes:
        if mode not in AVAILABLE:
            raise ValueError(f"mode {mode} cannot be run yet")
    return modes
