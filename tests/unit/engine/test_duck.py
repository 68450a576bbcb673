"""What the engine relies on in DuckDB."""

from __future__ import annotations

import pyarrow as pa

from merganser.engine.duck import Duck

CHUNK_ROWS = (1, 2_000, 2_000, 10, 2_000)
"""As a reader gives them: DuckDB's joins keep small chunks back."""


def _beside_long_list(duck: Duck) -> list[int]:
    """The numbers from 0 on, as they come out beside a comparison with twenty others."""
    chunks, start = [], 0
    for count in CHUNK_ROWS:
        chunks.append(pa.array(range(start, start + count)))
        start += count
    duck.register("rows", pa.table({"number": pa.chunked_array(chunks)}))
    listed = ", ".join(map(str, range(20)))
    found = duck.arrow(f"SELECT number, number IN ({listed}) AS hit FROM rows")
    numbers: list[int] = found.column("number").to_pylist()
    return numbers


def test_rows_keep_their_order_beside_long_lists() -> None:
    assert _beside_long_list(Duck.memory()) == list(range(sum(CHUNK_ROWS)))


def test_duckdb_by_itself_does_not_keep_it() -> None:
    """If this fails, the setting in `Duck` is not needed any more."""
    duck = Duck.memory()
    duck.execute("SET disabled_optimizers=''")
    numbers = _beside_long_list(duck)
    assert sorted(numbers) == list(range(sum(CHUNK_ROWS)))
    assert numbers != sorted(numbers)
