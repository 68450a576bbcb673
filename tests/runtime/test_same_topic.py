"""Two streams over one topic, joined: a record comes to the left side first and meets itself."""

from __future__ import annotations

import json

import pytest

from tests.functions.python.running import engine_with, output, run
from tests.runtime.driving import Input, append

SOURCES = "".join(
    f"CREATE STREAM {name} (K STRING KEY, V INT) "
    "WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    for name in ("A", "B")
)
PAIRS = [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize("per_record", [False, True], ids=["one epoch", "epochs of one record"])
def test_every_record_meets_itself(per_record: bool) -> None:
    with engine_with() as engine:
        engine.execute(
            SOURCES + "CREATE STREAM OUT AS SELECT A.K, A.V AS ONE, B.V AS OTHER "
            "FROM A JOIN B WITHIN 5 SECONDS GRACE PERIOD 1 SECOND ON A.K = B.K;"
        )
        for number in range(2):
            value = json.dumps({"V": number}).encode()
            append(engine.log, [Input("s", 0, b"k", value, 1000 * number)])
            if per_record:
                run(engine)
        run(engine)
        assert output(engine) == [{"ONE": one, "OTHER": other} for one, other in PAIRS]
