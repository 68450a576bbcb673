"""Finding the rows on which an expression failed, for the processing log.

State: none. Time: nothing moves. A batch without failed rows pays one count per fallible place.
"""

from __future__ import annotations

from merganser.engine.duck import Duck
from merganser.engine.execution.rows import ErrorCheck
from merganser.engine.execution.topology import FAILURES_MAX, Epoch, RecordFailure


class CheckStep:
    """Looks for failed rows behind the steps that made their input."""

    def __init__(self, checks: tuple[ErrorCheck, ...]) -> None:
        self._checks = checks

    def prepare(self, duck: Duck, state: str) -> None:
        """Nothing to keep."""

    def run(self, epoch: Epoch) -> None:
        """Reports the failed rows of the epoch."""
        for check in self._checks:
            found = epoch.duck.rows(
                f'SELECT "$partition", "$offset" FROM {check.source} WHERE {check.failed} '
                f"LIMIT {FAILURES_MAX}"
            )
            if len(found) == FAILURES_MAX:
                ((count,),) = epoch.duck.rows(
                    f"SELECT count(*) FROM {check.source} WHERE {check.failed}"
                )
                assert isinstance(count, int)
                epoch.failure_count += count
            else:
                epoch.failure_count += len(found)
            for partition, offset in found:
                assert isinstance(partition, int | None)
                assert isinstance(offset, int | None)
                epoch.failures.append(
                    RecordFailure(
                        "processing",
                        f"cannot evaluate {check.expression}",
                        partition=partition,
                        offset=offset,
                        step=check.step,
                    )
                )
