"""`merganser sql`: results for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import trustme

from merganser.cli.main import main
from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.cli.conftest import Invoke

ROWS = "SELECT ID, NAME, AMT FROM CL_S;"


def test_json_is_one_object_a_line(filled: RunningServer, invoke: Invoke) -> None:
    outcome = invoke("sql", "-e", ROWS, "--server", filled.url, "--output", "json")
    assert [json.loads(line) for line in outcome.out.splitlines()] == [
        {"ID": 1, "NAME": "ann", "AMT": 1.5},
        {"ID": 2, "NAME": "a name that is rather long and does not fit the cell", "AMT": 2.0},
        {"ID": 3, "NAME": None, "AMT": None},
    ]
    assert '"AMT": 2.0}' in outcome.out
    assert (outcome.status, outcome.err) == (0, "")


def test_csv_has_names_first_and_nulls_empty(filled: RunningServer, invoke: Invoke) -> None:
    statements = "SELECT ID, NAME, ARRAY[ID] AS A, STRUCT(B := ID) AS S FROM CL_S;"
    outcome = invoke("sql", "-e", statements, "--server", filled.url, "--output", "csv")
    rows = list(csv.reader(io.StringIO(outcome.out)))
    assert rows[0] == ["ID", "NAME", "A", "S"]
    assert rows[1] == ["1", "ann", "[1]", '{"B": 1}']
    assert rows[3] == ["3", "", "[3]", '{"B": 3}']


def test_csv_of_lists_and_messages(filled: RunningServer, invoke: Invoke) -> None:
    create = (
        "CREATE STREAM X (A INT KEY) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    outcome = invoke(
        "sql", "-e", f"{create} SHOW STREAMS;", "--server", filled.url, "--output", "csv"
    )
    assert outcome.out.splitlines()[0] == "Stream Name,Kafka Topic,Key Format,Value Format,Windowed"
    assert "CL_S,cl_s,KAFKA,JSON,false" in outcome.out
    assert outcome.err == "Stream created\n"


def test_a_table_fits_its_content(filled: RunningServer, invoke: Invoke) -> None:
    outcome = invoke("sql", "-e", ROWS, "--server", filled.url)
    assert "a name that is rather long and does not fit the cell" in outcome.out
    assert outcome.out.splitlines()[-1] == "(3 rows)"


def test_a_push_query_ends_at_the_row_limit(filled: RunningServer, invoke: Invoke) -> None:
    arguments = [
        "--server",
        filled.url,
        "--row-limit",
        2,
        "--property",
        "auto.offset.reset=earliest",
    ]
    statements = "SELECT ID FROM CL_S EMIT CHANGES;"
    outcome = invoke("sql", "-e", statements, *arguments, "--output", "json")
    assert outcome.out == '{"ID": 1}\n{"ID": 2}\n'


def test_a_refused_statement_shows_in_the_status(filled: RunningServer, invoke: Invoke) -> None:
    for output in ("json", "csv", "table"):
        arguments = ["--server", filled.url, "--output", output]
        outcome = invoke("sql", "-e", "SELECT * FROM NOPE;", *arguments)
        assert (outcome.status, outcome.out) == (1, ""), output
        assert outcome.err.startswith("error: "), output
        assert "NOPE" in outcome.err, output


def test_a_malformed_statement_too(server: RunningServer, invoke: Invoke) -> None:
    outcome = invoke("sql", "-e", "SELCT 1", "--server", server.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("error: line 1:1: ")


def test_without_a_server_the_data_folder_is_opened(
    server: RunningServer, invoke: Invoke, tmp_path: Path
) -> None:
    script = tmp_path / "a.sql"
    script.write_text(
        "CREATE STREAM S (K INT KEY, V INT) "
        "WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
        "INSERT INTO S (K, V) VALUES (${k}, 10);"
    )
    data = ["--data-dir", tmp_path / "data"]
    assert invoke("sql", "-f", script, "-d", "k=7", *data).status == 0
    outcome = invoke("sql", "-e", "SELECT K, V FROM S", *data, "--output", "csv")
    assert outcome.out == "K,V\n7,10\n"


def test_a_table_from_last_time_answers_at_once(invoke: Invoke, tmp_path: Path) -> None:
    data = ["--data-dir", tmp_path / "data"]
    assert invoke("datagen", "users", *data, "--count", 40, "--seed", 1).status == 0
    file = tmp_path / "users.sql"
    file.write_text(
        "SET 'auto.offset.reset' = 'earliest';"
        "CREATE STREAM u (userid STRING KEY, gender STRING)"
        " WITH (KAFKA_TOPIC='users', VALUE_FORMAT='JSON', PARTITIONS=1);"
        "CREATE TABLE n AS SELECT userid, COUNT(*) AS n FROM u GROUP BY userid EMIT CHANGES;"
    )
    assert invoke("run", file, *data, "--exit-when-idle", 1).status == 0
    outcome = invoke("sql", "-e", "SELECT N FROM n;", *data, "--output", "csv")
    assert outcome.status == 0, outcome.err
    assert sum(map(int, outcome.out.splitlines()[1:])) == 40


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-e", "SHOW TYPES;", "-f", "x.sql"],
        ["-e", "SHOW TYPES;", "--server", "x"],
        ["-e", "SHOW TYPES;", "--server", "http://localhost:1", "--data-dir", "x"],
        ["-e", "SHOW TYPES;", "--output", "xml"],
    ],
)
def test_misuse(arguments: list[str], invoke: Invoke) -> None:
    outcome = invoke("sql", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert "error: " in outcome.err


def test_no_server_there(invoke: Invoke) -> None:
    outcome = invoke("sql", "-e", "SHOW TYPES;", "--server", "http://127.0.0.1:1")
    assert (outcome.status, outcome.out) == (1, "")
    assert "no server at http://127.0.0.1:1" in outcome.err


def test_selects_may_be_full_sql(filled: RunningServer, invoke: Invoke) -> None:
    text = "WITH n AS (SELECT unnest([3, 1, 2]) AS a) SELECT a FROM n ORDER BY a DESC LIMIT ${n}"
    asked = ["sql", "-e", text, "-d", "n=2", "--server", filled.url, "--output"]
    assert invoke(*asked, "json").out == '{"a": 3}\n{"a": 2}\n'
    assert invoke(*asked, "csv").out == "a\n3\n2\n"
    refused = invoke("sql", "-e", "SELECT 1 FROM nope ORDER BY 1", "--server", filled.url)
    assert (refused.status, "nope" in refused.err) == (1, True)


def test_arrow_is_what_the_server_sends(
    filled: RunningServer, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    arguments = ["--server", filled.url, "--output", "arrow"]
    with pytest.raises(SystemExit) as ended:
        main(["sql", "-e", "SHOW STREAMS; SELECT ID, NAME FROM CL_S;", *arguments])
    assert ended.value.code == 0
    table = pa.ipc.open_stream(capfdbinary.readouterr().out).read_all()
    assert table.column("ID").to_pylist() == [1, 2, 3]
    assert table.column("NAME").to_pylist()[0] == "ann"


def test_tls_and_tokens(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine = tmp_path / "server.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(mine))
    (tmp_path / "tokens").write_text("me: opens, read\n", encoding="utf-8")
    rules = {
        "authentication.method": "BEARER",
        "merganser.authentication.tokens.file": str(tmp_path / "tokens"),
    }
    config = ServerConfig(port=0, tls_certificate=mine, tls_client_ca=tmp_path / "ca.pem")
    with start_in_background(replace(config, properties=rules)) as server:
        asked = ["sql", "-e", "SHOW STREAMS;", "--output", "json", "--server", server.url]
        assert invoke(*asked).status == 1
        asked += ["--ca", str(tmp_path / "ca.pem"), "--cert", str(mine)]
        refused = invoke(*asked)
        assert (refused.status, "credentials" in refused.err) == (1, True)
        monkeypatch.setenv("MERGANSER_TOKEN", "opens")
        assert invoke(*asked).status == 0
        assert "role write" in invoke(*asked, "-e", "DROP STREAM X;").err
