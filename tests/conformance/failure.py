"""How a case fails: at which stage, and why, so that equal reasons can be counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where a case fails."""

    REJECTED = "statement rejected"
    ACCEPTED = "error expected, none came"
    INTERNAL = "internal error"
    RUNNING = "query failed"
    OUTPUTS = "outputs differ"
    POST = "post differs"
    UNSUPPORTED = "not supported by the runner"
    TIMEOUT = "timed out"
    CRASHED = "process died"


class CaseFailure(Exception):  # noqa: N818 - a failed case is a result, not an error of the runner
    """A case does not pass.

    Attributes:
        reason: One line.
        detail: More lines, such as a stack trace.
    """

    def __init__(self, stage: Stage, reason: str, detail: str = "") -> None:
        super().__init__(f"{stage.value}: {reason}")
        self.stage = stage
        self.reason = reason.strip().split("\n", 1)[0]
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case in one mode.

    Attributes:
        stage: None if it passed.
        reason: Why it failed, or how an error case was refused.
    """

    case_id: str
    theme: str
    mode: str
    stage: Stage | None = None
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the case passed."""
        return self.stage is None

    @property
    def group(self) -> str:
        """Stage and reason without the names and numbers that differ from case to case."""
        stage = self.stage.value if self.stage else ""
        text = re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"|“[^”]*”", "…", self.reason)
        text = re.sub(r"-?\b\d[\d.]*\b", "n", re.sub(r"line \d+:\d+: ", "", text))
        return f"{stage}: {text}"[:160]
