"""`python -m bench.server`: what a server answers, asked by another process on this machine.

A server on the embedded log runs in a process of its own; this one asks over plain sockets. Tables
of 2,000 keys; a look-up answers one row, a range 100. Figures of ksqlDB 8.3.1 from a machine of
the same kind stand beside. Loads share the machine's cores with what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

KEYS = 2_000
RANGE_ROWS = 100
SECONDS = 2.0
PUSH_RATE = 100  # A second: an INSERT each, over REST.
PUSH_SECONDS = 4
START_SECONDS_MAX = 120.0
ANCHORS = {
    "pull by key, 1 connections": "2.3 k/s, p50 0.4 ms",
    "pull by key, 16 connections": "6.4 k/s, p50 2.2 ms",
    "push latency at 100 msg/s": "p50 0.6 ms, p99 8 ms (at 1,000)",
    "start to ready, 0 queries": "3.0 s",
    "memory when ready": "240 MB",
    "CPU of 4 idle queries": "14 % of a core",
}
CREATE = (
    "CREATE STREAM S (K INT KEY, V BIGINT) "
    "WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
)
TABLE = (
    "CREATE TABLE T{0} AS SELECT K, COUNT(*) AS N, SUM(V) AS TOT FROM S GROUP BY K EMIT CHANGES;"
)


_COMMAND = """
from pathlib import Path
from merganser.server.config import ServerConfig
from merganser.server.run import serve
properties = {{"ksql.streams.auto.offset.reset": "earliest"}}
serve(ServerConfig(port={port}, data_dir=Path({folder!r}), properties=properties))
"""


class Server:
    """A server process; `pid` is its own."""

    def __init__(self, folder: Path) -> None:
        started = time.monotonic()
        self.host, self.port = "127.0.0.1", free_port()
        command = _COMMAND.format(folder=str(folder), port=self.port)
        self._process = subprocess.Popen(
            [sys.executable, "-c", command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self._ready():
            if time.monotonic() - started > START_SECONDS_MAX:
                raise TimeoutError("the server is not ready")
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - started

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.port}/info") as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def run(self, text: str) -> None:
        """Runs statements."""
        body = json.dumps({"ksql": text}).encode()
        url = f"http://{self.host}:{self.port}/ksql"
        with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
            answer.read()

    def memory_mb(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no memory told")

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.wait(30)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Connection:
    """One connection that asks and reads whole answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, server: Server) -> Connection:
        return cls(*await asyncio.open_connection(server.host, server.port))

    def send(self, path: str, body: object) -> None:
        """Sends a request."""
        text = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(text)}\r\n\r\n"
        self._writer.write(head.encode() + text)

    async def head(self) -> None:
        """Reads the head of an answer."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode() + (await self._reader.read(1000)).decode())

    async def chunk(self) -> bytes:
        """Reads a chunk; empty at the end."""
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        return (await self._reader.readexactly(size + 2))[:-2]

    async def ask(self, path: str, body: object) -> None:
        """Asks and reads the answer to its end."""
        self.send(path, body)
        await self.head()
        while await self.chunk():
            pass

    async def until(self, mark: bytes) -> None:
        """Reads up to a mark."""
        await self._reader.readuntil(mark)

    def close(self) -> None:
        self._writer.close()


async def load(
    server: Server, count: int, question: Callable[[], str]
) -> tuple[float, list[float]]:
    """Answers a second over so many connections, and the time of each in ms, sorted."""
    connections = [await Connection.to(server) for _ in range(count)]
    times: list[float] = []
    end = time.monotonic() + SECONDS

    async def one(connection: Connection) -> None:
        while (started := time.monotonic()) < end:
            await connection.ask("/query-stream", {"sql": question()})
            times.append((time.monotonic() - started) * 1000)

    started = time.monotonic()
    await asyncio.gather(*map(one, connections))
    elapsed = time.monotonic() - started
    for connection in connections:
        connection.close()
    return len(times) / elapsed, sorted(times)


def at(times: Sequence[float], share: float) -> float:
    """A percentile of sorted times."""
    return times[min(int(len(times) * share), len(times) - 1)]


def by_key() -> str:
    return f"SELECT * FROM T0 WHERE K = {random.randrange(KEYS)};"


def by_range() -> str:
    start = random.randrange(KEYS - RANGE_ROWS)
    return f"SELECT * FROM T0 WHERE K >= {start} AND K < {start + RANGE_ROWS};"


async def fill(server: Server) -> None:
    """A row for every key."""
    inserts = [f"INSERT INTO S (K, V) VALUES ({key}, {key});" for key in range(KEYS)]
    for start in range(0, KEYS, 500):
        server.run("".join(inserts[start : start + 500]))
    connection = await Connection.to(server)
    for _ in range(600):
        connection.send("/query-stream", {"sql": f"SELECT N FROM T0 WHERE K = {KEYS - 1};"})
        await connection.head()
        rows = 0
        while await connection.chunk():
            rows += 1
        if rows > 1:
            break
        await asyncio.sleep(0.1)
    connection.close()


async def push_latency(server: Server) -> list[float]:
    """From an insert's sending to its row's coming, ms, sorted, at a steady rate."""
    reader = await Connection.to(server)
    reader.send("/query-stream", {"sql": "SELECT V FROM P EMIT CHANGES;"})
    await reader.head()
    await reader.chunk()
    times: list[float] = []

    async def read() -> None:
        while len(times) < PUSH_RATE * PUSH_SECONDS:
            for line in (await reader.chunk()).splitlines():
                times.append(time.time() * 1000 - json.loads(line)[0] / 1000)

    async def write() -> None:
        writers = [await Connection.to(server) for _ in range(4)]
        for count in range(PUSH_RATE * PUSH_SECONDS):
            now_us = int(time.time() * 1_000_000)
            text = f"INSERT INTO P (K, V) VALUES (1, {now_us});"
            connection = writers[count % 4]
            connection.send("/ksql", {"ksql": text})
            await connection.until(b"[]")
            await asyncio.sleep(1 / PUSH_RATE)
        for connection in writers:
            connection.close()

    await asyncio.gather(read(), write())
    reader.close()
    return sorted(times)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all measurements and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.parse_args(arguments)
    rows: list[tuple[str, str]] = []
    with TemporaryDirectory() as folder:
        rows += asyncio.run(_answers(Path(folder)))
    with TemporaryDirectory() as folder:
        rows += _starts(Path(folder))
    print(f"{'what':34} {'merganser':32} ksqlDB 8.3.1 (anchor)")
    for what, found in rows:
        print(f"{what:34} {found:32} {ANCHORS.get(what, '')}")
    return 0


async def _answers(folder: Path) -> list[tuple[str, str]]:
    server = Server(folder)
    rows = [("start to ready, 0 queries", f"{server.start_seconds:.1f} s")]
    rows.append(("memory when ready", f"{server.memory_mb():.0f} MB"))
    try:
        started = time.monotonic()
        server.run(CREATE)
        rows.append(("CREATE STREAM", f"{(time.monotonic() - started) * 1000:.0f} ms"))
        started = time.monotonic()
        server.run(TABLE.format(0))
        rows.append(("CREATE TABLE AS SELECT", f"{(time.monotonic() - started) * 1000:.0f} ms"))
        await fill(server)
        for name, question in (("key", by_key), ("range", by_range)):
            for count in (1, 16, 256):
                rate, times = await load(server, count, question)
                found = f"{rate:,.0f}/s, p50 {at(times, 0.5):.1f} p99 {at(times, 0.99):.1f} ms"
                rows.append((f"pull by {name}, {count} connections", found))
        server.run(CREATE.replace("STREAM S ", "STREAM P ").replace("'s'", "'p'"))
        times = await push_latency(server)
        rows.append(
            (
                "push latency at 100 msg/s",
                f"p50 {at(times, 0.5):.1f} ms, p99 {at(times, 0.99):.1f} ms",
            )
        )
        for number in (1, 2, 3):
            server.run(TABLE.format(number))
        await asyncio.sleep(3)
        before, seconds = server.cpu_seconds(), 5.0
        await asyncio.sleep(seconds)
        idle = (server.cpu_seconds() - before) / seconds
        rows.append(("CPU of 4 idle queries", f"{100 * idle:.1f} % of a core"))
    finally:
        server.close()
    return rows


def _starts(folder: Path) -> list[tuple[str, str]]:
    server = Server(folder)
    try:
        server.run(CREATE + "".join(TABLE.format(number) for number in range(100)))
    finally:
        server.close()
    server = Server(folder)
    rows = [("start to ready, 100 queries", f"{server.start_seconds:.1f} s")]
    rows.append(("memory, 100 queries", f"{server.memory_mb():.0f} MB"))
    server.close()
    return rows


if __name__ == "__main__":
    sys.exit(main())
