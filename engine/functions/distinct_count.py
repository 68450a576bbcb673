"""Counting distinct values with HyperLogLog: 2^14 registers, exact while there are few values.

A sketch is bytes: few values as their sorted 32-bit codes (register and rank), many as one byte a
register. So it can be stored, and two can be merged, in any order and with the same result.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from merganser.engine import types
from merganser.engine.functions.python_function import define
from merganser.engine.types import ArrayType

SKETCH, MERGE, ESTIMATE = "$hll_sketch", "$hll_merge", "$hll_estimate"

_INDEX_BITS = 14
_REGISTERS = 1 << _INDEX_BITS
_RANK_BITS = 63 - _INDEX_BITS
_SPARSE_MAX = _REGISTERS // 8  # Codes of 4 bytes; beyond it one byte a register is smaller.
_ALPHA = 0.7213 / (1 + 1.079 / _REGISTERS)

Codes = NDArray[np.uint32]


def _sketch(hashes: list[int] | None) -> bytes:
    """The sketch of 63-bit hashes."""
    if not hashes:
        return b""
    values = np.array(hashes, dtype=np.uint64)
    index = (values >> np.uint64(_RANK_BITS)).astype(np.uint32)
    rest = values & np.uint64((1 << _RANK_BITS) - 1)
    # The rank is the place of the first bit that is set: float exponents are exact below 2^53.
    rank = np.where(rest == 0, _RANK_BITS + 1, _RANK_BITS - np.frexp(rest.astype(float))[1] + 1)
    return _packed((index << np.uint32(8)) | rank.astype(np.uint32))


def _packed(codes: Codes) -> bytes:
    """Codes as a sketch: of each register only the largest rank counts."""
    ordered = np.sort(codes)
    last = np.append(ordered[1:] >> 8 != ordered[:-1] >> 8, True)
    largest = ordered[last]
    if len(largest) <= _SPARSE_MAX:
        return bytes(largest.astype("<u4").tobytes())
    registers = np.zeros(_REGISTERS, dtype=np.uint8)
    registers[largest >> 8] = largest & 255
    return bytes(registers.tobytes())


def _codes(sketch: bytes) -> Codes:
    if len(sketch) != _REGISTERS:
        return np.frombuffer(sketch, dtype="<u4").astype(np.uint32)
    registers = np.frombuffer(sketch, dtype=np.uint8)
    index = np.nonzero(registers)[0].astype(np.uint32)
    return (index << np.uint32(8)) | registers[index].astype(np.uint32)


def _merge(old: bytes, new: bytes) -> bytes:
    """The sketch of the values of both."""
    if not old or not new:
        return old or new
    return _packed(np.concatenate([_codes(old), _codes(new)]))


def _estimate(sketch: bytes) -> int:
    """About how many values a sketch has seen."""
    codes = _codes(sketch)
    ranks = (codes & np.uint32(255)).astype(float)
    zero_count = _REGISTERS - len(ranks)
    raw = _ALPHA * _REGISTERS**2 / (float(np.exp2(-ranks).sum()) + zero_count)
    if raw <= 2.5 * _REGISTERS and zero_count:
        return round(_REGISTERS * math.log(_REGISTERS / zero_count))
    return round(raw)


define(SKETCH, (ArrayType(types.BIGINT),), types.BYTES, _sketch, pass_nulls=True)
define(MERGE, (types.BYTES, types.BYTES), types.BYTES, _merge)
define(ESTIMATE, (types.BYTES,), types.BIGINT, _estimate)
