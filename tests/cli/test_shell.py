"""`merganser` with `-e`, `-f` or a pipe: statements, the session, and exit statuses."""

from __future__ import annotations

import io
import signal
from pathlib import Path

import pytest

from merganser.server.client import Client
from merganser.server.run import RunningServer
from tests.cli.conftest import Invoke, wait_until
from tests.cli.process import process

RED = "\x1b[31m"
PLAIN = "\x1b[0m"
SET_EARLIEST = "SET 'auto.offset.reset'='earliest';"


def test_a_missing_semicolon_is_added(server: RunningServer, invoke: Invoke) -> None:
    outcome = invoke("-e", "SHOW TYPES", server.url)
    assert (outcome.status, outcome.out) == (0, "\n Type Name | Schema \n\n\n")


def test_what_the_server_refuses_is_shown_and_the_rest_goes_on(
    server: RunningServer, invoke: Invoke
) -> None:
    outcome = invoke("-e", "DROP STREAM NOPE; SHOW VARIABLES;", server.url)
    assert outcome.status == 0  # As in ksqlDB: the shell did its part.
    error, rest = outcome.out.split(PLAIN)
    assert error.startswith(RED)
    assert "NOPE" in error
    assert rest.startswith("\n\n Variable Name | Value ")


def test_a_syntax_error_stops_everything_before_it_starts(
    server: RunningServer, invoke: Invoke
) -> None:
    outcome = invoke("-e", "DEFINE a = 'b'; SHOW VARIABLES; SELCT 1;", server.url)
    assert outcome.status == 255
    assert outcome.out.startswith(f"{RED}line 1:33: ")
    assert "Statement: SELCT 1;\nCaused by: line 1:33: " in outcome.out
    assert "Variable Name" not in outcome.out


def test_no_color_is_respected(
    server: RunningServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in invoke("-e", "SELCT 1;", server.url).out


def test_properties_last_for_the_session(filled: RunningServer, invoke: Invoke) -> None:
    statements = (
        f"{SET_EARLIEST} SELECT ID FROM CL_S EMIT CHANGES LIMIT 1; UNSET 'auto.offset.reset';"
    )
    assert invoke("-e", statements, filled.url).out.splitlines() == [
        "Successfully changed local property 'auto.offset.reset' to 'earliest'. "
        "Use the UNSET command to revert your change.",
        *["+-----+", "|ID   |", "+-----+", "|1    |", "Limit Reached", "Query terminated"],
        "Successfully unset local property 'auto.offset.reset' (value was 'earliest').",
    ]


def test_a_changed_property_names_its_old_value(server: RunningServer, invoke: Invoke) -> None:
    change = "SET 'auto.offset.reset'='latest';"
    second = invoke("-e", SET_EARLIEST + change, server.url).out.splitlines()[1]
    assert second.startswith(
        "Successfully changed local property 'auto.offset.reset' from 'earliest' to 'latest'."
    )


def test_unsetting_what_is_not_set_fails(server: RunningServer, invoke: Invoke) -> None:
    outcome = invoke("-e", "UNSET 'auto.offset.reset'; SHOW TYPES;", server.url)
    assert outcome.status == 255
    assert "auto.offset.reset" in outcome.out
    assert "Type Name" not in outcome.out


def test_variables_are_put_in_whatever_the_case_of_their_names(
    filled: RunningServer, invoke: Invoke
) -> None:
    outcome = invoke("-e", "DESCRIBE ${SRC};", "-d", "src=CL_S", filled.url)
    assert "Name                 : CL_S" in outcome.out
    shown = invoke("-e", "DEFINE B='y'; define b='z'; SHOW VARIABLES;", "-d", "a=1", filled.url)
    assert [line.split() for line in shown.out.splitlines()[3:5]] == [
        ["a", "|", "1"],
        ["b", "|", "z"],
    ]


def test_variables_can_be_switched_off(server: RunningServer, invoke: Invoke) -> None:
    off = "SET 'ksql.variable.substitution.enable'='false';"
    outcome = invoke("-e", f"{off} SHOW TYPES; DESCRIBE ${{x}};", "-d", "x=CL_S", server.url)
    assert "CL_S" not in outcome.out


def test_undefining_an_unknown_variable_is_just_said(server: RunningServer, invoke: Invoke) -> None:
    outcome = invoke("-e", "UNDEFINE nope; SHOW TYPES;", server.url)
    assert outcome.status == 0
    assert outcome.out.startswith(
        "Cannot undefine variable 'nope' which was never defined\n\n Type"
    )


def test_rows_as_json(filled: RunningServer, invoke: Invoke) -> None:
    statements = f"{SET_EARLIEST} SELECT * FROM CL_S EMIT CHANGES LIMIT 1;"
    out = invoke("-e", statements, "--output", "JSON", filled.url).out
    header, row = out.split("}\n{")
    assert '"schema" : "`ID` BIGINT, `NAME` STRING, `AMT` DOUBLE"' in header
    assert row == '\n  "columns" : [ 1, "ann", 1.5 ]\n}\nLimit Reached\nQuery terminated\n'


def test_an_error_in_json_comes_behind_the_answers_so_far(
    server: RunningServer, invoke: Invoke
) -> None:
    assert invoke("-e", "DROP STREAM NOPE;", "--output", "JSON", server.url).out.startswith("[ ]\n")


def test_the_row_limit_ends_a_push_query(filled: RunningServer, invoke: Invoke) -> None:
    statements = f"{SET_EARLIEST} SELECT ID FROM CL_S EMIT CHANGES;"
    out = invoke("-e", statements, "--query-row-limit", 2, filled.url).out
    assert out.splitlines()[4:] == ["|1    |", "|2    |", "Query terminated"]
    wait_until(lambda: "PUSH" not in invoke("-e", "SHOW QUERIES;", filled.url).out)


def test_the_timeout_ends_a_push_query(filled: RunningServer, invoke: Invoke) -> None:
    statements = f"{SET_EARLIEST} SELECT ID FROM CL_S EMIT CHANGES;"
    lines = invoke("-e", statements, "--query-timeout", 500, filled.url).out.splitlines()
    assert lines[-1] == "Query terminated"
    assert set(lines[4:-1]) <= {"|1    |", "|2    |", "|3    |"}  # However many came in time.


def test_columns_says_how_wide_a_pipe_is(
    filled: RunningServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    statements = f"{SET_EARLIEST} SELECT ID FROM CL_S EMIT CHANGES LIMIT 1;"
    assert f"+{'-' * 38}+" in invoke("-e", statements, filled.url).out


def test_printing_a_topic(filled: RunningServer, invoke: Invoke) -> None:
    lines = invoke("-e", "PRINT 'cl_s' FROM BEGINNING LIMIT 1;", filled.url).out.splitlines()
    assert lines[0].startswith("Key format: ")
    assert lines[2] == (
        'rowtime: 1970/01/01 00:00:01.000 Z, key: 1, value: {"NAME":"ann","AMT":1.5}, partition: 0'
    )
    assert lines[3:] == ["Topic printing ceased"]


def test_a_file_of_statements(filled: RunningServer, invoke: Invoke, tmp_path: Path) -> None:
    script = tmp_path / "a.sql"
    script.write_text("-- a comment\nSHOW TYPES;\nDESCRIBE\n  CL_S;\n")
    out = invoke("-f", script, filled.url).out
    assert out.startswith("\nSHOW TYPES;\n Type Name | Schema \n\n\n\nDESCRIBE\n  CL_S;\nName ")


def test_a_file_that_is_not_there(server: RunningServer, invoke: Invoke) -> None:
    outcome = invoke("-f", "/nope.sql", server.url)
    assert (outcome.status, outcome.out) == (255, "")
    assert outcome.err == "error: cannot read /nope.sql: No such file or directory\n"


def test_run_script_is_one_request(server: RunningServer, invoke: Invoke, tmp_path: Path) -> None:
    script = tmp_path / "d.sql"
    script.write_text("DEFINE t = 'X'; SHOW TYPES; SHOW TOPICS;")
    outcome = invoke("-e", f"RUN SCRIPT '{script}'; SHOW VARIABLES;", server.url)
    assert "\nSHOW TYPES;\n" in outcome.out
    assert "| X" not in outcome.out  # Its DEFINE is its own.


def test_a_config_file_sets_properties(
    filled: RunningServer, invoke: Invoke, tmp_path: Path
) -> None:
    config = tmp_path / "c.properties"
    config.write_text("# mine\nauto.offset.reset = earliest\nssl.protocol=TLSv1.3\n")
    outcome = invoke(
        "--config-file", config, "-e", "SELECT ID FROM CL_S EMIT CHANGES LIMIT 1;", filled.url
    )
    assert "|1    |" in outcome.out
    assert "not used by this client: ssl.protocol" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["--output", "XML"],
        ["--output", "json"],
        ["--query-row-limit", "0"],
        ["--query-timeout", "soon"],
        ["-d", "x"],
        ["localhost:8088"],
        ["ftp://localhost"],
        ["-u", "ann", "http://localhost:8088"],
        ["-u", "ann", "-p", "x", "-t", "t", "http://localhost:8088"],
        ["--data-dir", "x", "http://localhost:8088"],
        ["--config-file", "/nope", "http://localhost:8088"],
    ],
)
def test_misuse_exits_with_ksqldbs_status(
    arguments: list[str], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    outcome = invoke(*arguments)
    assert outcome.status == 255
    assert outcome.out == ""
    assert "error: " in outcome.err


def test_no_server_there(invoke: Invoke) -> None:
    outcome = invoke("-e", "SHOW STREAMS;", "http://127.0.0.1:1")
    assert outcome.status == 255
    assert "no server at http://127.0.0.1:1" in outcome.out


def test_lines_of_a_pipe_are_run_as_if_typed(
    server: RunningServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = "output JSON\noutput\nSHOW\n  TYPES;\nSELCT;\nversion\nexit\nSHOW TYPES;\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    outcome = invoke(server.url)
    assert outcome.status == 0
    parts = outcome.out.splitlines()
    assert parts[:2] == ["Output format set to JSON", "Current output format: JSON"]
    assert parts[-2:] == ["Version: 8.3.1", "Exiting Merganser."]
    assert outcome.out.count("type_list") == 1


def test_without_an_address_a_server_is_started_and_forgotten(invoke: Invoke) -> None:
    create = (
        "CREATE STREAM S (A INT KEY) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    assert "S           | s " in invoke("-e", create + " SHOW STREAMS;").out
    assert "S           | s " not in invoke("-e", "SHOW STREAMS;").out


def test_a_data_folder_remembers(invoke: Invoke, tmp_path: Path) -> None:
    create = (
        "CREATE STREAM S (A INT KEY) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    assert invoke("--data-dir", tmp_path / "data", "-e", create).status == 0
    assert "S           | s " in invoke("--data-dir", tmp_path / "data", "-e", "SHOW STREAMS;").out


def test_ctrl_c_ends_the_query_and_not_the_shell(filled: RunningServer, tmp_path: Path) -> None:
    statements = f"{SET_EARLIEST} SELECT ID FROM CL_S EMIT CHANGES; SHOW TYPES;"
    with process(tmp_path, "-e", statements, filled.url) as running:
        running.wait_for("|3    |")
        running.signal(signal.SIGINT)
        assert running.end() == 0, running.err
        assert running.out.endswith("|3    |\nQuery terminated\n\n Type Name | Schema \n\n\n")
        assert running.err == ""
    with Client(filled.url) as client:
        wait_until(lambda: "PUSH" not in str(client.execute("SHOW QUERIES;")))
