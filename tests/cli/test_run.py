"""`merganser run`: a file of queries, its end by a signal or idleness, and its next start."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from merganser.cli.running.progress import Progress
from merganser.cli.running.script import Existing, read, request_text
from merganser.errors import SqlSyntaxError, UnsupportedError
from tests.cli.conftest import Invoke
from tests.cli.process import process

PIPELINE = """
SET 'auto.offset.reset' = 'earliest';
CREATE STREAM orders (orderid INT KEY, itemid STRING, orderunits DOUBLE)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM big AS
  SELECT orderid, orderunits FROM orders WHERE orderunits > 5 EMIT CHANGES;
CREATE STREAM copies (orderid INT KEY, orderunits DOUBLE)
  WITH (KAFKA_TOPIC='copies', VALUE_FORMAT='JSON', PARTITIONS=1);
INSERT INTO copies SELECT orderid, orderunits FROM orders EMIT CHANGES;
INSERT INTO copies (orderid, orderunits) VALUES (-1, 0.0);
"""
LIVE = PIPELINE + "SELECT orderid FROM orders EMIT CHANGES;\n"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.sql"
    file.write_text(PIPELINE)
    return file


def rows_of(stream: str, data: Path, invoke: Invoke) -> list[dict[str, object]]:
    outcome = invoke(
        "sql", "-e", f"SELECT * FROM {stream};", "--data-dir", data, "--output", "json"
    )
    assert outcome.status == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_queries_run_until_idle_and_go_on_next_time(
    pipeline: Path, tmp_path: Path, invoke: Invoke
) -> None:
    data = tmp_path / "data"
    made = ["datagen", "orders", "--data-dir", data, "--count", 100, "--seed", 1]
    assert invoke(*made).status == 0
    first = invoke("run", pipeline, "--data-dir", data, "--exit-when-idle", 1)
    assert first.status == 0, first.err
    assert "Created query with ID CSAS_BIG_" in first.out
    assert "Created query with ID INSERT_COPIES_1" in first.out
    assert "100 records in" in first.out.split("Totals:")[1]

    assert invoke(*made).status == 0
    second = invoke("run", pipeline, "--data-dir", data, "--exit-when-idle", 1)
    assert second.status == 0, second.err
    assert second.out.count("already there: ") == 5
    assert "100 records in" in second.out.split("Totals:")[1]

    copies = rows_of("copies", data, invoke)
    assert [row["ORDERID"] for row in copies].count(-1) == 1
    assert len(copies) == 201
    big = rows_of("big", data, invoke)
    assert len(big) == 2 * sum(1 for row in copies[:101] if float(str(row["ORDERUNITS"])) > 5)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_is_a_clean_end(number: signal.Signals, pipeline: Path, tmp_path: Path) -> None:
    with process(tmp_path / "run", "run", pipeline, "--data-dir", tmp_path / "data") as running:
        running.wait_for("records in")
        running.signal(number)
        assert running.end() == 0, running.err
        assert "Totals:" in running.out
        assert "Traceback" not in running.err


def test_a_last_select_is_shown_live(tmp_path: Path, invoke: Invoke) -> None:
    data = tmp_path / "data"
    invoke("datagen", "orders", "--data-dir", data, "--count", 3)
    file = tmp_path / "live.sql"
    file.write_text(LIVE)
    with process(tmp_path / "run", "run", file, "--data-dir", data) as running:
        running.wait_for("|2    |")
        running.signal(signal.SIGTERM)
        assert running.end() == 0, running.err
        shown = running.out.splitlines()
        start = shown.index("|ORDER|")
        assert shown[start + 3 : start + 6] == ["|0    |", "|1    |", "|2    |"]


def test_a_statement_that_is_refused_leaves_nothing_behind(tmp_path: Path, invoke: Invoke) -> None:
    file = tmp_path / "wrong.sql"
    file.write_text(PIPELINE + "CREATE STREAM worse AS SELECT nope FROM orders EMIT CHANGES;")
    outcome = invoke("run", file, "--data-dir", tmp_path / "data", "--exit-when-idle", 1)
    assert outcome.status == 1
    assert "NOPE" in outcome.out
    streams = invoke("sql", "-e", "SHOW STREAMS;", "--data-dir", tmp_path / "data").out
    assert "ORDERS" not in streams


def test_a_malformed_file_names_its_line(tmp_path: Path, invoke: Invoke) -> None:
    file = tmp_path / "wrong.sql"
    file.write_text("SHOW TYPES;\nSHOW TYPES;\nSELCT 1;\n")
    outcome = invoke("run", file)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("error: line 3:1: ")


def test_a_select_can_only_be_the_last() -> None:
    with pytest.raises(UnsupportedError, match="SELECT 1 FROM s EMIT CHANGES; can only stand at"):
        read("SELECT 1 FROM s EMIT CHANGES; SHOW TYPES;", {})
    with pytest.raises(UnsupportedError, match="PRINT 't';"):
        read("PRINT 't';", {})
    script = read("SHOW TYPES; SELECT 1 FROM s EMIT CHANGES;", {})
    assert script.final is not None
    assert len(script.statements) == 1


def test_variables_are_defined_outside_and_inside() -> None:
    script = read("DEFINE b = 'T'; DROP STREAM ${a}; DROP TABLE ${b};", {"a": "S"})
    assert request_text(script.statements) == "DROP STREAM S;\nDROP TABLE T;"
    with pytest.raises(SqlSyntaxError):
        read("DROP STREAM ${a};", {"a": "no name"})


def test_inserts_get_the_same_id_each_time() -> None:
    text = "INSERT INTO s SELECT * FROM a; INSERT INTO s WITH (QUERY_ID='mine') SELECT * FROM b;"
    script = read(text, {})
    spelled = request_text(script.statements)
    assert "QUERY_ID='INSERT_S_1'" in spelled
    assert "QUERY_ID='mine'" in spelled
    wanted, known = script.still_to_run(Existing(frozenset(), frozenset({"INSERT_S_1", "MINE"})))
    assert (wanted, len(known)) == ([], 2)


def test_what_replaces_is_always_run() -> None:
    script = read("CREATE OR REPLACE STREAM s AS SELECT * FROM a;", {})
    wanted, known = script.still_to_run(Existing(frozenset({"S"}), frozenset()))
    assert (len(wanted), known) == (1, [])


class Stats:
    """Counters as a test sets them."""

    def __init__(self, records_in: int, lag: int = 0, state: str = "RUNNING") -> None:
        self.query_id, self.state = "CSAS_X_1", state
        self.state_bytes = self.last_record_ms = 0
        self.records_in, self.records_out, self.lag = records_in, records_in // 2, lag
        self.bytes_in = self.bytes_out = self.late_rows = self.record_errors = self.epochs = 0
        self.epoch_seconds_last = 0.0


def test_progress_tells_rates_and_idleness() -> None:
    now = 100.0
    progress = Progress(lambda: now)
    now = 102.0
    progress.read([Stats(1000)])
    assert progress.lines() == [
        "CSAS_X_1: running, 1,000 records in (500/s), 500 out (250/s), lag 0"
    ]
    assert progress.totals() == ["CSAS_X_1: running, 1,000 records in, 500 out"]
    now = 107.0
    progress.read([Stats(1000)])
    assert progress.idle_seconds == 5.0
    now = 108.0
    progress.read([Stats(1000, lag=3)])
    assert progress.idle_seconds == 0.0  # There is something to do.
    assert progress.failed == []
    assert not progress.all_failed
    progress.read([Stats(1000, state="ERROR")])
    assert progress.failed == ["CSAS_X_1"]
    assert progress.all_failed
    assert progress.table().row_count == 1
