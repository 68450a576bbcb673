"""JVM processes that belong to a data folder: started, recognised again, and stopped.

A folder's `state.json` says which process serves it on which port. A process id alone proves
nothing, since ids are used again: the process carries the folder's path in its command line.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kafka_server.jars import ServerToolError, java

HOST = "127.0.0.1"
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 30
_LOOK_SECONDS = 0.05

# A short-lived test node: the serial collector keeps no GC threads waiting.
_JVM = ["-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData", "-Djava.awt.headless=true"]
_LOG4J = """status = warn
appender.o.type = Console
appender.o.name = O
appender.o.layout.type = PatternLayout
appender.o.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = LEVEL
rootLogger.appenderRef.o.ref = O
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its process and where it listens."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: JVM memory options and arguments, and how to tell that it answers."""

    memory: Sequence[str]
    arguments: Sequence[str]
    answers: Callable[[int], bool]


def running(data: Path, name: str) -> Running | None:
    """The server of that name, if its process lives."""
    entry = _state(data).get(name)
    return entry if entry is not None and _is_ours(data, name, entry.pid) else None


def launch(data: Path, name: str, program: Program, port: int) -> Running:
    """Starts a server and waits until it answers.

    Raises:
        ServerToolError: The port is taken, the server exited, or it did not answer in time.
    """
    if _taken(port):
        raise ServerToolError(f"port {port} is in use by another program")
    log = data / f"{name}.log"
    extra = os.environ.get("KAFKA_TOOL_JVM", "").split()
    command = [java(), *program.memory, *_JVM, *extra, _mark(data, name), *program.arguments]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=data,
        )
    found = Running(process.pid, port)
    _save(data, name, found)
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        try:
            code = process.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if program.answers(port) and process.poll() is None:
                # The process outlives this one; without this, Popen would warn of it.
                process.returncode = 0
                return found
        else:
            _save(data, name, None)
            tail = log.read_text(errors="replace")[-3000:]
            raise ServerToolError(f"{name} exited with {code}; end of its log:\n{tail}")
    stop(data, name)
    raise ServerToolError(f"{name} did not answer within {START_SECONDS_MAX} s; see {log}")


def stop(data: Path, name: str) -> None:
    """Stops a server and waits for its end; one that does not run is no error."""
    found = running(data, name)
    if found is not None:
        os.kill(found.pid, signal.SIGTERM)
        if not _ended(data, name, found.pid, STOP_SECONDS_MAX):
            os.kill(found.pid, signal.SIGKILL)
            _ended(data, name, found.pid, STOP_SECONDS_MAX)
    if data.exists():
        _save(data, name, None)


def kill(data: Path, name: str) -> None:
    """Ends a server at once, as a crash would."""
    found = running(data, name)
    if found is not None:
        os.kill(found.pid, signal.SIGKILL)
        _ended(data, name, found.pid, STOP_SECONDS_MAX)
        _save(data, name, None)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def log4j(data: Path, level: str = "INFO") -> str:
    """The JVM option that sends a server's log to its output."""
    file = data / f"log4j2-{level.lower()}.properties"
    file.write_text(_LOG4J.replace("LEVEL", level))
    return f"-Dlog4j2.configurationFile={file}"


def http_answers(path: str) -> Callable[[int], bool]:
    """A check: GET of `path` gives 200."""

    def check(port: int) -> bool:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return check


def broker_answers(port: int) -> bool:
    """One Metadata request by hand: true when the node lists itself, so is registered."""
    body = struct.pack(">hhih5si?", 3, 4, 1, 5, b"ready", 0, False)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 16:  # length, correlation id, throttle, count of brokers
                more = connection.recv(4096)
                if not more:
                    return False
                answer += more
    except OSError:
        return False
    (brokers,) = struct.unpack(">i", answer[12:16])
    return int(brokers) >= 1


def _mark(data: Path, name: str) -> str:
    return f"-Dkafka.tool={name}:{data}"


def _taken(port: int) -> bool:
    """Whether another server is on this port; its answers must not pass for those of ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _state(data: Path) -> dict[str, Running]:
    try:
        found = json.loads((data / "state.json").read_text())
    except FileNotFoundError:
        return {}
    return {name: Running(entry["pid"], entry["port"]) for name, entry in found.items()}


def _save(data: Path, name: str, entry: Running | None) -> None:
    state = _state(data)
    if entry is None:
        state.pop(name, None)
    else:
        state[name] = entry
    text = json.dumps({key: asdict(value) for key, value in state.items()}, indent=1)
    draft = data / "state.json.tmp"
    draft.write_text(text + "\n")
    draft.replace(data / "state.json")


def _is_ours(data: Path, name: str, pid: int) -> bool:
    """Whether the process lives and was started for this folder."""
    command = ["ps", "-ww", "-o", "stat=,args=", "-p", str(pid)]
    line = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return _mark(data, name) in line and not line.startswith("Z")


def _ended(data: Path, name: str, pid: int, seconds_max: float) -> bool:
    """Waits for the end of a process, which may be a child of this one or not."""
    until = time.monotonic() + seconds_max
    while _is_ours(data, name, pid):
        if time.monotonic() > until:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(_LOOK_SECONDS)  # noqa: TID251 - waits for a process, which no clock moves
    return True
