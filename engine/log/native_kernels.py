"""The loops over records of the native Kafka client, compiled when first used and then cached.

They see librdkafka's messages as the public header `rdkafka.h` shows them, `rd_kafka_message_t`,
and functions of its API by their addresses. None of them holds the interpreter's
lock. All addresses and lengths are int64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# Where the fields of rd_kafka_message_t lie, on machines of 64 bits.
_ERR, _TOPIC, _PARTITION, _PAYLOAD, _LEN, _KEY, _KEY_LEN, _OFFSET = 0, 8, 16, 24, 32, 40, 48, 56

_INT64 = ir.IntType(64)


# ---- the few things that a compiled loop needs of the machine ----


@intrinsic  # type: ignore[untyped-decorator]
def _load64(_typing: Any, _address: Any) -> Any:
    """The 8 bytes at an address."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], _INT64.as_pointer()))

    return types.int64(types.int64), emit


@intrinsic  # type: ignore[untyped-decorator]
def _load32(_typing: Any, _address: Any) -> Any:
    """The 4 bytes at an address."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(32).as_pointer()))

    return types.int32(types.int64), emit


@intrinsic  # type: ignore[untyped-decorator]
def _load8(_typing: Any, _address: Any) -> Any:
    """The byte at an address."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(8).as_pointer()))

    return types.uint8(types.int64), emit


@intrinsic  # type: ignore[untyped-decorator]
def _copy(_typing: Any, _target: Any, _source: Any, _length: Any) -> Any:
    """Copies bytes from one address to another."""

    def emit(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        target, source = (builder.inttoptr(each, byte) for each in args[:2])
        cgutils.raw_memcpy(builder, target, source, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit


@intrinsic  # type: ignore[untyped-decorator]
def _call(_typing: Any, _function: Any, arguments: Any) -> Any:
    """Calls a C function whose arguments are integers and addresses. Gives what it returns."""
    count = len(arguments)

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        shape = ir.FunctionType(_INT64, [_INT64] * count)
        function = builder.inttoptr(args[0], shape.as_pointer())
        return builder.call(function, cgutils.unpack_tuple(builder, args[1], count))

    return types.int64(types.int64, arguments), emit


# ---- reading messages ----


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def read_heads(messages: Any, errors: Any, topics: Any) -> None:
    """Of each message its error code and the address of its topic."""
    for row in range(len(messages)):
        errors[row] = _load32(messages[row] + _ERR)
        topics[row] = _load64(messages[row] + _TOPIC)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def read_fields(
    messages: Any,
    timestamp_of: Any,
    partitions: Any,
    offsets: Any,
    stamps: Any,
    keys: Any,
    values: Any,
) -> None:
    """Of each message what has a fixed size.

    `keys` and `values` have two rows: the addresses, 0 for null, and the lengths.
    """
    kind = np.zeros(1, np.int64)
    for row in range(len(messages)):
        message = messages[row]
        partitions[row] = _load32(message + _PARTITION)
        offsets[row] = _load64(message + _OFFSET)
        stamps[row] = _call(timestamp_of, (message, kind.ctypes.data))
        keys[0, row] = _load64(message + _KEY)
        keys[1, row] = _load64(message + _KEY_LEN)
        values[0, row] = _load64(message + _PAYLOAD)
        values[1, row] = _load64(message + _LEN)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def count_headers(messages: Any, headers_of: Any, count_of: Any, headers: Any, counts: Any) -> int:
    """Of each message the address of its headers, 0 for none, and how many; their sum."""
    found = np.zeros(1, np.int64)
    total = 0
    for row in range(len(messages)):
        headers[row] = 0
        counts[row] = 0
        if np.int32(_call(headers_of, (messages[row], found.ctypes.data))) == 0:
            headers[row] = found[0]
            counts[row] = _call(count_of, (found[0],))
            total += counts[row]
    return total


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def read_headers(headers: Any, counts: Any, get: Any, names: Any, values: Any) -> None:
    """Of each header the address and length of its name and value, as in `read_fields`."""
    found = np.zeros(3, np.int64)
    start = found.ctypes.data
    place = 0
    for row in range(len(headers)):
        for index in range(counts[row]):
            _call(get, (headers[row], index, start, start + 8, start + 16))
            end = found[0]
            while _load8(end) != 0:
                end += 1
            names[0, place] = found[0]
            names[1, place] = end - found[0]
            values[0, place] = found[1]
            values[1, place] = found[2]
            place += 1


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def gather(spans: Any, offsets: Any, target: Any) -> None:
    """Copies the bytes at `spans` (addresses, lengths) one behind the other, at `offsets`."""
    start = target.ctypes.data
    for row in range(spans.shape[1]):
        if spans[0, row] != 0:
            _copy(start + offsets[row], spans[0, row], spans[1, row])


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def call_each(function: Any, addresses: Any) -> None:
    """Calls a C function with each address."""
    for row in range(len(addresses)):
        _call(function, (addresses[row],))
