"""Many subscribers of one stream over real connections: who reads, who does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from merganser.engine.engine import Engine
from merganser.server.client import Client
from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.runtime.driving import Input, append

SUBSCRIBERS = 200
WAIT_SECONDS = 60.0
CREATE = (
    "CREATE STREAM S (K STRING KEY, N INT, T STRING) "
    "WITH (KAFKA_TOPIC='s', PARTITIONS=2, VALUE_FORMAT='JSON');"
)


@pytest.fixture
def server() -> Iterator[RunningServer]:
    properties = {"ksql.max.push.queries": "1000", "merganser.push.max.buffer.bytes": "100000"}
    with start_in_background(ServerConfig(port=0, properties=properties)) as server:
        with Client(server.url) as client:
            client.execute(CREATE)
        yield server


def engine_of(server: RunningServer) -> Engine:
    engine = server.engine
    assert isinstance(engine, Engine)
    return engine


def produce(server: RunningServer, numbers: range, text: str = "") -> None:
    append(
        engine_of(server).log,
        [Input("s", n % 2, b"k", f'{{"N": {n}, "T": "{text}"}}'.encode(), n) for n in numbers],
    )


class Subscriber:
    """One connection that streams a push query."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, server: RunningServer, sql: str) -> Subscriber:
        """Connects, asks, and reads the head and the first chunk."""
        parts = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 16)
        body = json.dumps({"sql": sql}).encode()
        writer.write(
            b"POST /query-stream HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        found = cls(reader, writer)
        assert "queryId" in (await found.lines())[0]
        return found

    async def lines(self) -> list[str]:
        """The lines of the next chunk; none at the end."""
        size = int(await self._reader.readline(), 16)
        chunk = await self._reader.readexactly(size + 2)
        return chunk[:-2].decode().splitlines()

    async def numbers(self, count: int) -> list[int]:
        """The first columns of the next rows."""
        found: list[int] = []
        while len(found) < count:
            found += [json.loads(line)[0] for line in await self.lines()]
        return found

    async def rest(self) -> list[str]:
        """All lines to the end."""
        found: list[str] = []
        while lines := await self.lines():
            found += lines
        return found

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()


async def opened(server: RunningServer, count: int) -> list[Subscriber]:
    queries = (
        f"SELECT N, {i} AS I FROM S WHERE N % 10 = {i % 10} EMIT CHANGES;" for i in range(count)
    )
    return list(await asyncio.gather(*(Subscriber.open(server, sql) for sql in queries)))


def test_hundreds_share_one_reader(server: RunningServer) -> None:
    async def run() -> None:
        subscribers = await opened(server, SUBSCRIBERS)
        (reader,) = engine_of(server)._pushes.fan_outs.readers()
        assert reader.subscriber_count == SUBSCRIBERS
        produce(server, range(100))
        found = await asyncio.gather(*(each.numbers(10) for each in subscribers))
        for i, numbers in enumerate(found):
            assert sorted(numbers) == list(range(i % 10, 100, 10))
        for each in subscribers:
            each.close()
        while reader.subscriber_count:  # The server sees that they are gone.
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), WAIT_SECONDS))


def test_one_that_does_not_read_is_dropped_with_an_error(server: RunningServer) -> None:
    async def run() -> None:
        slow = await Subscriber.open(server, "SELECT N, T FROM S EMIT CHANGES;")
        quick = await Subscriber.open(server, "SELECT N FROM S EMIT CHANGES;")
        (reader,) = engine_of(server)._pushes.fan_outs.readers()
        read = 0
        text = "x" * 10_000
        # More than sockets and the server's buffers hold: the rest would be the server's memory.
        for start in range(0, 2_000, 100):
            produce(server, range(start, start + 100), text)
            read += len(await quick.numbers(100))
            assert reader.waiting_bytes < 4_000_000
        assert read == 2_000
        last = json.loads((await slow.rest())[-1])
        assert "faster than they are read" in last["message"]
        assert last["error_code"] == 50000
        quick.close()
        slow.close()

    asyncio.run(asyncio.wait_for(run(), WAIT_SECONDS))
