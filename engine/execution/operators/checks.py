"""Finding the rows on which an expression failed, for the processing log.

State: none. Time: nothing moves. A batch without failed rows pays one count per fallible place, and
nothing where the functions that can fail count for themselves.
"""

from __future__ import annotations

from merganser.engine.duck import Duck
from merganser.engine.execution.rows import ErrorCheck
from merganser.engine.execution.topology import FAILURES_MAX, Epoch, RecordFailure


class CheckStep:
    """Looks for failed rows behind the steps that made their input.

    Where functions count their failures it waits until the result has been fetched: only then have
    they been called.
    """

    def __init__(self, checks: tuple[ErrorCheck, ...]) -> None:
        self._checks = tuple(check for check in checks if check.watch is None)
        self._watched = tuple(check for check in checks if check.watch is not None)
        self._counts = [check.watch.count for check in checks if check.watch is not None]

    def prepare(self, duck: Duck, state: str) -> None:
        """Nothing to keep."""

    def run(self, epoch: Epoch) -> None:
        """Reports the failed rows of the epoch."""
        for check in self._checks:
            _report(epoch, check, check.failed)
        if self._watched:
            epoch.later.append(self._run_watched)

    def _run_watched(self, epoch: Epoch) -> None:
        for index, check in enumerate(self._watched):
            assert check.watch is not None
            # Another query's call may have counted: then nothing is found here.
            if check.watch.count != self._counts[index]:
                _report(epoch, check, check.failed)
                self._counts[index] = check.watch.count
            elif check.watch.otherwise is not None:
                _report(epoch, check, check.watch.otherwise)


def _report(epoch: Epoch, check: ErrorCheck, failed: str) -> None:
    reason = check.watch.reason if check.watch is not None else "NULL"
    found = epoch.duck.rows(
        f'SELECT "$partition", "$offset", {reason} FROM {check.source} WHERE {failed} '
        f"LIMIT {FAILURES_MAX}"
    )
    if len(found) == FAILURES_MAX:
        ((count,),) = epoch.duck.rows(f"SELECT count(*) FROM {check.source} WHERE {failed}")
        assert isinstance(count, int)
        epoch.failure_count += count
    else:
        epoch.failure_count += len(found)
    for partition, offset, why in found:
        assert isinstance(partition, int | None)
        assert isinstance(offset, int | None)
        epoch.failures.append(
            RecordFailure(
                "processing",
                f"cannot evaluate {check.expression}",
                partition=partition,
                offset=offset,
                step=check.step,
                cause=tuple(str(why).split("\n")) if why is not None else (),
            )
        )
