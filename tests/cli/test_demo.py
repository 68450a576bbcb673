"""`merganser demo`: it runs to its end by itself, with and without a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from merganser.cli.demo.replay import Quickstart, replay
from merganser.server.produce import Record
from tests.cli.conftest import Invoke
from tests.cli.screen import HAS_TMUX, screen

EXAMPLE = Path(__file__).parents[2] / "sql-examples" / "quickstart"


def test_without_a_terminal_it_prints_each_window_once(invoke: Invoke) -> None:
    outcome = invoke("demo", "--seconds", 2)
    assert outcome.status == 0, outcome.err
    assert "1004 flights in 66 windows" in outcome.out
    assert "What to try next:" in outcome.out
    expected = json.loads((EXAMPLE / "expected.json").read_text())["outputs"]
    windows = [line for line in outcome.out.splitlines() if " flights, " in line]
    assert len(windows) == len(expected) == 66
    for record in expected:
        value = record["value"]
        line = (
            f"{record['key']}  {value['FLIGHTS']:3d} flights, {value['CANCELLED']:3d} cancelled, "
            f"average delay {value['AVG_DELAY_MIN']:4d} min"
        )
        assert any(line in window for window in windows), line


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TMUX, reason="tmux is the terminal")
def test_on_a_terminal_the_windows_change_in_place(tmp_path: Path) -> None:
    with screen(["demo", "--seconds", "4"], {"XDG_STATE_HOME": str(tmp_path)}, stay=True) as shown:
        shown.wait_for("New York, 10 July 2013")
        shown.wait_for("1004 flights in 66 windows")
        shown.wait_for("What to try next:")
        final = shown.text()
        assert final.count("New York, 11 July 2013, 03:25") == 1
        assert "375 min" in final


def test_the_replay_gives_out_everything_in_order_and_in_time() -> None:
    quickstart = Quickstart.load()
    started = monotonic()
    ticks = list(replay(quickstart.records, 0.5, Event()))
    assert monotonic() - started < 5
    assert [record for tick in ticks for record in tick.records] == list(quickstart.records)
    for tick in ticks:
        assert all(record.timestamp_ms <= tick.event_time_ms for record in tick.records)


def test_the_replay_stops_when_asked() -> None:
    stop = Event()
    ticks = replay((Record(None, b"a", 0), Record(None, b"b", 10_000)), 60.0, stop)
    assert [record.value for record in next(ticks).records] == [b"a"]
    stop.set()
    assert list(ticks) == []
