"""`python -m bench.fanout`: one stream, many subscribers over real connections.

The server and the producer are one process, all subscribers another. Every subscriber has a
condition of its own that one row in ten passes. Printed: rows received a second by all, their
latency from being appended to being read by the client, and the server's memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import threading
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

import pyarrow as pa

from merganser.engine.clock import SystemClock
from merganser.engine.engine import Engine
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output
from merganser.server.client import Client
from merganser.server.config import ServerConfig
from merganser.server.run import start_in_background

CREATE = (
    "CREATE STREAM S (K STRING KEY, N INT, SENT BIGINT) "
    "WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');"
)
PASSING = 10  # One row in so many passes a subscriber's condition.
CLOCK = SystemClock()


async def _subscriber(url: str, index: int, ready: asyncio.Semaphore, found: list[float]) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    condition = f"N % {PASSING} = {index % PASSING} AND N >= -{index}"
    sql = f"SELECT SENT, N FROM S WHERE {condition} EMIT CHANGES;"  # noqa: S608 (our own numbers)
    body = json.dumps({"sql": sql}).encode()
    head = b"POST /query-stream HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % len(body) + body)
    await reader.readuntil(b"\r\n\r\n")
    first = True
    try:
        while size := int(await reader.readline(), 16):
            text = (await reader.readexactly(size + 2))[:-2]
            now = CLOCK.now_ms()
            if first:
                first = False
                ready.release()
                continue
            found += [now - json.loads(line)[0] for line in text.splitlines()]
    except (OSError, asyncio.IncompleteReadError, ValueError):
        pass  # The end of the run.


def subscribers(url: str, count: int, pipe: Connection) -> None:
    """The other process: connects all, says so, and gives the latencies when it is told to end."""

    async def run() -> list[float]:
        found: list[float] = []
        ready = asyncio.Semaphore(0)
        tasks = []
        for index in range(count):
            tasks.append(asyncio.ensure_future(_subscriber(url, index, ready, found)))
            if index % 50 == 49:
                await asyncio.sleep(0)
        for _ in range(count):
            await ready.acquire()
        pipe.send("ready")
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        for task in tasks:
            task.cancel()
        return found

    pipe.send(asyncio.run(run()))


def produce(engine: Engine, per_second: int, seconds: int) -> None:
    """Appends rows at an even pace, in twentieths of a second."""
    pause = threading.Event()
    n = 0
    began = CLOCK.now_ms()
    while n < per_second * seconds:
        count = per_second // 20
        now = CLOCK.now_ms()
        values = [b'{"N": %d, "SENT": %d}' % (n + i, now) for i in range(count)]
        table = pa.table(
            {
                "key": pa.array([b"k"] * count, pa.binary()),
                "value": pa.array(values, pa.binary()),
                "timestamp": pa.array([now] * count, pa.int64()),
                "headers": pa.nulls(count, OUTPUT_SCHEMA.field("headers").type),
            },
            schema=OUTPUT_SCHEMA,
        )
        engine.log.append(Output("s", table))
        n += count
        due = began + n * 1000 // per_second
        pause.wait(max(due - CLOCK.now_ms(), 0) / 1000)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--rows-per-second", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    properties = {"ksql.max.push.queries": str(options.subscribers + 1)}
    here, there = multiprocessing.get_context("spawn").Pipe()
    with start_in_background(ServerConfig(port=0, properties=properties)) as server:
        engine = server.engine
        assert isinstance(engine, Engine)
        with Client(server.url) as client:
            client.execute(CREATE)
        process = multiprocessing.get_context("spawn").Process(
            target=subscribers, args=(server.url, options.subscribers, there)
        )
        process.start()
        began = CLOCK.now_ms()
        assert here.recv() == "ready"
        print(f"connected in {(CLOCK.now_ms() - began) / 1000:.1f} s")
        began = CLOCK.now_ms()
        produce(engine, options.rows_per_second, options.seconds)
        threading.Event().wait(2)
        here.send("end")
        latencies = sorted(here.recv())
        process.join()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    expected = options.rows_per_second * options.seconds * options.subscribers // PASSING
    rate = len(latencies) / options.seconds
    cuts = statistics.quantiles(latencies, n=100)
    print(f"received {len(latencies)} of {expected} rows, {rate:.0f} rows/s")
    print(f"latency p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms")
    print(f"server's peak memory {peak} MiB")


if __name__ == "__main__":
    main()
