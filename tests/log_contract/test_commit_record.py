"""The stored form of commit records, which later versions must go on reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merganser.engine.log.commit_record import decode_commit, encode_commit
from merganser.engine.log.protocol import Commit, TopicPartition
from merganser.errors import LogError

OFFSETS = st.integers(0, 2**63 - 1)
PLACES = st.builds(TopicPartition, st.text(max_size=10), st.integers(0, 10_000))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
COMMITS = st.builds(
    Commit,
    epoch=OFFSETS,
    ranges=st.dictionaries(PLACES, st.tuples(OFFSETS, OFFSETS), max_size=5),
    wall_clock_ms=OFFSETS,
    notes=st.dictionaries(st.text(max_size=10), VALUES, max_size=3),
)


@given(COMMITS)
def test_commit_comes_back(commit: Commit) -> None:
    assert decode_commit(encode_commit(commit)) == commit


def test_stored_form_is_frozen() -> None:
    commit = Commit(
        7,
        {TopicPartition("b", 10): (0, 5), TopicPartition("a", 0): (3, 4)},
        1_700_000_000_000,
        {"z": [1, None], "a": {"idle": True}},
    )
    stored = (
        b'{"epoch":7,"notes":{"a":{"idle":true},"z":[1,null]},'
        b'"ranges":{"a":{"0":[3,4]},"b":{"10":[0,5]}},"version":1,"wall_clock_ms":1700000000000}'
    )
    assert encode_commit(commit) == stored
    assert decode_commit(stored) == commit


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b'{"version":1}', b'{"version":2}'])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(LogError) as caught:
        decode_commit(data)
    assert not caught.value.retryable
