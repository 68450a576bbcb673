"""`merganser server`, and `merganser` itself."""

from __future__ import annotations

import json
import logging
import re
import signal
from pathlib import Path

import pytest
import structlog

import merganser
from merganser.cli.embedded import log_to_stderr
from merganser.server.client import Client
from tests.cli.conftest import Invoke
from tests.cli.process import process


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_is_a_clean_end(number: signal.Signals, tmp_path: Path) -> None:
    config = tmp_path / "merganser.toml"
    config.write_text('service_id = "from_the_file"\nport = 1\n')
    arguments = ["server", "--listen", "127.0.0.1:0", "--config", config]
    with process(tmp_path / "server", *arguments) as running:
        running.wait_for("server listens")
        address = re.search(r"address=(\S+)", running.err)
        assert address is not None
        with Client(f"http://{address[1]}") as client:
            assert client.info()["ksqlServiceId"] == "from_the_file"
        running.signal(number)
        assert running.end() == 0, running.err
        assert running.out == ""
        assert "Traceback" not in running.err


@pytest.mark.slow
def test_the_data_folder_is_there_at_the_next_start(tmp_path: Path, invoke: Invoke) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    create = (
        "CREATE STREAM S (A INT KEY) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    with process(tmp_path / "server", "server", "--listen", ":0", *data) as running:
        running.wait_for("server listens")
        address = re.search(r"address=(\S+)", running.err)
        assert address is not None
        assert invoke("sql", "-e", create, "--server", f"http://{address[1]}").status == 0
        in_use = invoke("sql", "-e", "SHOW STREAMS;", *data)
        assert in_use.status == 1  # One process at a time.
        assert in_use.err.startswith("error: ")
        running.signal(signal.SIGTERM)
        assert running.end() == 0
    assert (
        "S,s,KAFKA,JSON,false" in invoke("sql", "-e", "SHOW STREAMS;", *data, "--output", "csv").out
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--listen", "8088"],
        ["--listen", "localhost:many"],
        ["--property", "x"],
        ["--config", "/nope.toml"],
        ["--log-level", "loud"],
        ["and", "more"],
    ],
)
def test_misuse(arguments: list[str], invoke: Invoke) -> None:
    outcome = invoke("server", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert "error: " in outcome.err


@pytest.mark.parametrize("command", ["", "server", "run", "sql", "datagen", "demo", "shell"])
def test_every_command_has_help(command: str, invoke: Invoke) -> None:
    outcome = invoke(*command.split(), "--help")
    assert outcome.status == 0
    assert outcome.out.startswith("usage: merganser")
    assert len(outcome.out.splitlines()) > 5
    assert max(map(len, outcome.out.splitlines())) <= 100


def test_the_version(invoke: Invoke) -> None:
    assert invoke("--version").out == f"merganser {merganser.__version__}\n"


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_log_has_other_forms(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        log_to_stderr(logging.INFO, tracebacks=True, form=form)
        structlog.get_logger("x").info("query stopped", query_id="Q_1", epoch=3)
    finally:
        structlog.configure(**before)
    line = capsys.readouterr().err.strip()
    if form == "json":
        found = json.loads(line)
        assert (found["event"], found["level"]) == ("query stopped", "info")
        assert (found["query_id"], found["epoch"]) == ("Q_1", 3)
        assert found["timestamp"]
    else:
        assert "query stopped" in line
        assert "query_id=Q_1" in line
