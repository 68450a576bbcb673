"""In which order a publisher takes epochs: both logs refuse the same mistakes."""

from __future__ import annotations

from merganser.engine.log.commit_record import encode_commit
from merganser.engine.log.protocol import Commit
from merganser.errors import InternalError


def is_repeated(commit: Commit, last: Commit | None) -> bool:
    """Whether this epoch is durable already, so that publishing it again must do nothing.

    Raises:
        InternalError: The epoch is neither the next one nor the newest durable one as recorded.
    """
    expected = last.epoch + 1 if last is not None else 0
    if commit.epoch == expected:
        return False
    if last is not None and encode_commit(commit) == encode_commit(last):
        return True
    raise InternalError(
        f"epoch {commit.epoch} was published where epoch {expected} was due",
        detail="Epochs count from 0 without gaps; only the newest may come again, as it was.",
    )
