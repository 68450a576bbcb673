"""`serve` in a process of its own: readiness, signals, a log that the next process can open."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from merganser.server.client import Client, Row
from merganser.server.run import _listen

SERVE = (
    "import sys; from pathlib import Path; from merganser.server.config import ServerConfig; "
    "from merganser.server.run import serve; "
    "serve(ServerConfig(port=int(sys.argv[1]), data_dir=Path(sys.argv[2])))"
)
CREATE = (
    "CREATE STREAM S (ID INT KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def start(port: int, data_dir: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SERVE, str(port), str(data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pause = threading.Event()
    for _ in range(300):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/info").status_code == 200:
                return process
        except httpx.TransportError:
            pass
        assert process.poll() is None
        pause.wait(0.1)
    process.kill()
    raise AssertionError("the server did not get ready")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_open_queries_and_keeps_the_data(
    tmp_path: Path, sent: signal.Signals
) -> None:
    port = free_port()
    process = start(port, tmp_path)
    with Client(f"http://127.0.0.1:{port}") as client:
        client.execute(CREATE + "INSERT INTO S (ID, V) VALUES (1, 10);")
        query = "SELECT ID, V FROM S EMIT CHANGES;"
        events = client.stream(query, properties={"auto.offset.reset": "earliest"})
        next(events)
        assert next(events) == Row((1, 10))
        process.send_signal(sent)
        assert [getattr(event, "text", None) for event in events] == ["Query Completed"]
    assert process.wait(20) == 0
    process = start(port, tmp_path)
    with Client(f"http://127.0.0.1:{port}") as client:
        rows = [event for event in client.stream("SELECT V FROM S;") if isinstance(event, Row)]
        assert rows == [Row((10,))]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with _listen("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
