"""Partitions by key: Java's own test values, and the plain algorithm as the reference."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merganser.engine.log.murmur2 import murmur2, partitions_of

KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Source: org.apache.kafka.common.utils.UtilsTest.testMurmur2."""


def reference(key: bytes) -> int:
    """The hash of one key, step by step as Java's code has it."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    for at in range(0, len(key) // 4 * 4, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    rest = key[len(key) // 4 * 4 :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def test_hashes_are_javas() -> None:
    hashes = murmur2(pa.array(list(KNOWN), pa.binary())).view(np.int32).tolist()
    assert dict(zip(KNOWN, hashes, strict=True)) == KNOWN


@given(st.lists(st.none() | st.binary(max_size=70), max_size=40))
def test_whole_columns_hash_as_single_keys(keys: list[bytes | None]) -> None:
    assert murmur2(pa.array(keys, pa.binary())).tolist() == [reference(key or b"") for key in keys]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_sliced_and_chunked_columns(kind: pa.DataType) -> None:
    keys = [b"key-%d" % index for index in range(50)]
    whole = pa.array(keys, kind)
    chunked = pa.chunked_array([whole[10:20], whole[30:31], whole[:0]])
    wanted = [reference(key) for key in keys[10:20] + keys[30:31]]
    assert murmur2(chunked).tolist() == wanted
    assert murmur2(whole[45:]).tolist() == [reference(key) for key in keys[45:]]


def test_known_partitions() -> None:
    assert partitions_of(pa.array([b"11", b"x"], pa.binary()), 4).tolist() == [0, 2]


def test_records_without_key_take_turns() -> None:
    keys = pa.array([None, b"11", None, None, None], pa.binary())
    assert partitions_of(keys, 4, first_turn=2).tolist() == [2, 0, 3, 0, 1]
    assert partitions_of(keys, 1).tolist() == [0] * 5


def test_no_keys_at_all() -> None:
    assert partitions_of(pa.array([], pa.binary()), 4).tolist() == []
    assert partitions_of(pa.nulls(3, pa.binary()), 2).tolist() == [0, 1, 0]
