"""Defaults, file, environment, flags: the later one wins, and errors name their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from merganser.errors import PropertyError
from merganser.server.config import ServerConfig, load_config
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine

FILE = """
host = "127.0.0.2"
port = 9001
data_dir = "/var/lib/merganser"
service_id = "from_file_"

[properties]
"ksql.streams.auto.offset.reset" = "earliest"
ksql.query.pull.table.scan.enabled = false
ksql.streams.num.stream.threads = 2
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "merganser.toml"
    file.write_text(text)
    return file


def test_nothing_given_listens_on_this_machine_only() -> None:
    config = load_config(environment={})
    assert config == ServerConfig()
    assert (config.host, config.port) == ("127.0.0.1", 8088)
    assert config.data_dir is None
    assert config.bootstrap_servers is None


def test_later_places_win(tmp_path: Path) -> None:
    config = load_config(
        write(tmp_path, FILE),
        environment={
            "MERGANSER_PORT": "9002",
            "MERGANSER_SERVICE_ID": "from_environment_",
            "MERGANSER_BOOTSTRAP_SERVERS": "kafka:9092",
            "MERGANSER_KSQL_STREAMS_AUTO_OFFSET_RESET": "latest",
            "PATH": "/bin",
        },
        flags={"port": 9003, "service_id": None, "properties": {"ksql.x": "y"}},
    )
    assert config == ServerConfig(
        host="127.0.0.2",
        port=9003,
        data_dir=Path("/var/lib/merganser"),
        bootstrap_servers="kafka:9092",
        service_id="from_environment_",
        properties={
            "ksql.streams.auto.offset.reset": "latest",
            "ksql.query.pull.table.scan.enabled": "false",
            "ksql.streams.num.stream.threads": "2",
            "ksql.x": "y",
        },
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", r'"prot" in the file .*merganser\.toml is no setting'),
        ('port = "http"', r'port in the file .* is "http", but must be a number from 0 to 65535'),
        ("port = 70000", "a number from 0 to 65535"),
        ("port = true", "a number from 0 to 65535"),
        ("host = 5", "host in the file .* a text that is not empty"),
        ("properties = 5", "properties in the file .* must be a table"),
        ("port =", "is no TOML"),
    ],
)
def test_errors_name_the_setting_and_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PropertyError, match=message):
        load_config(write(tmp_path, text), environment={})


def test_errors_name_the_environment_and_the_command_line() -> None:
    with pytest.raises(PropertyError, match="port in the environment"):
        load_config(environment={"MERGANSER_PORT": "x"})
    with pytest.raises(PropertyError, match="port in the command line"):
        load_config(environment={}, flags={"port": -1})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PropertyError, match=r"nowhere\.toml cannot be read"):
        load_config(tmp_path / "nowhere.toml", environment={})


def test_names_of_others_in_the_environment_do_not_matter() -> None:
    assert load_config(environment={"MERGANSER_COLOUR": "red"}) == ServerConfig()


def test_a_port_that_is_taken_is_told(server: RunningServer) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(PropertyError, match=f"cannot listen on 127.0.0.1:{port}"):
        start_in_background(ServerConfig(port=port), engine=FakeEngine())
