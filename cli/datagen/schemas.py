"""The built-in schemas: what a made-up record looks like, and the stream that reads it.

Each is a rule from a seeded generator, the record's number and its event time to the record's
columns, so the same seed and start give the same records.
Source: parity/cli-and-ops.md, section 5 (presets); `sensors` is Merganser's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

Value = str | int | float | bool | dict[str, str | int]
Row = dict[str, Value]

# Times of ksqlDB's presets: 2017-02-21 to 2018-02-22, epoch ms.
_PAST_FROM_MS = 1_487_715_775_521
_PAST_TO_MS = 1_519_273_364_600
_SESSION_REQUESTS_MAX = 30
_SESSIONS_OPEN = 5


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """One kind of made-up record.

    Attributes:
        key: The column that is copied to the record's key.
        columns: SQL type by column name, in order, as in CREATE STREAM.
        maker: Called once for each run; returns the rule for one record.
    """

    name: str
    doc: str
    key: str
    columns: Mapping[str, str]
    maker: Callable[[Random], Callable[[int, int], Row]]

    def columns_of(self, value_format: str) -> list[str]:
        """Lists the columns that the format can hold: DELIMITED has nothing nested."""
        return [
            name
            for name, sql_type in self.columns.items()
            if value_format == "JSON" or not sql_type.startswith("STRUCT")
        ]

    def create_stream(
        self, stream: str, topic: str, value_format: str, key: str, partitions: int | None = None
    ) -> str:
        """Spells the statement that declares a stream on records of this schema, key first.

        `partitions` is for a topic that is not there yet.
        """
        values = [name for name in self.columns_of(value_format) if name != key]
        columns = [f"{key} {self.columns[key]} KEY"]
        columns += [f"{name} {self.columns[name]}" for name in values]
        return (
            f"CREATE STREAM IF NOT EXISTS {stream} ({', '.join(columns)}) "
            f"WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='{value_format}'"
            + (");" if partitions is None else f", PARTITIONS={partitions});")
        )


def _orders(rng: Random) -> Callable[[int, int], Row]:
    def row(number: int, _time_ms: int) -> Row:
        return {
            "ordertime": rng.randrange(_PAST_FROM_MS, _PAST_TO_MS),
            "orderid": number,
            "itemid": f"Item_{rng.randrange(1, 1000)}",
            "orderunits": round(rng.uniform(0.1, 10.0), 3),
            "address": {
                "city": f"City_{rng.randrange(1, 100)}",
                "state": f"State_{rng.randrange(1, 100)}",
                "zipcode": rng.randrange(10_000, 99_999),
            },
        }

    return row


def _users(rng: Random) -> Callable[[int, int], Row]:
    def row(_number: int, _time_ms: int) -> Row:
        return {
            "registertime": rng.randrange(_PAST_FROM_MS, _PAST_TO_MS),
            "userid": f"User_{rng.randrange(1, 10)}",
            "regionid": f"Region_{rng.randrange(1, 10)}",
            "gender": rng.choice(("MALE", "FEMALE", "OTHER")),
        }

    return row


def _pageviews(rng: Random) -> Callable[[int, int], Row]:
    def row(_number: int, time_ms: int) -> Row:
        return {
            "viewtime": time_ms,
            "userid": f"User_{rng.randrange(1, 10)}",
            "pageid": f"Page_{rng.randrange(1, 100)}",
        }

    return row


_RATING_MESSAGES = (
    "airport refurb looks great, will fly outta here more!",
    "your team here rocks!",
    "Surprisingly good, maybe you are getting your mojo back at long last!",
    "more peanuts please",
    "is this as good as it gets? really ?",
    "worst. flight. ever. #neveragain",
    "thank you for the most friendly, helpful experience today at your new lounge",
    "meh",
)


def _ratings(rng: Random) -> Callable[[int, int], Row]:
    def row(number: int, time_ms: int) -> Row:
        return {
            "rating_id": number,
            "user_id": rng.randrange(-1, 20),
            "stars": rng.randrange(1, 6),
            "route_id": rng.randrange(1, 10_000),
            "rating_time": time_ms,
            "channel": rng.choice(("web", "iOS", "ios", "iOS-test", "android")),
            "message": rng.choice(_RATING_MESSAGES),
        }

    return row


_REQUESTS = (
    "GET /index.html HTTP/1.1",
    "GET /site/login.html HTTP/1.1",
    "GET /site/user_status.html HTTP/1.1",
    "GET /images/track.png HTTP/1.1",
    "GET /images/logo-small.png HTTP/1.1",
)
_STATUSES = ("200", "200", "200", "200", "302", "404", "405", "406", "407")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)


def _clickstream(rng: Random) -> Callable[[int, int], Row]:
    sessions: list[tuple[str, int]] = []

    def visitor() -> tuple[str, int]:
        # A few sessions are open at a time; each ends after some thirty requests.
        if len(sessions) < _SESSIONS_OPEN:
            address = ".".join(str(rng.randrange(11, 250)) for _ in range(4))
            sessions.append((address, rng.randrange(1, 40)))
            return sessions[-1]
        chosen = rng.randrange(len(sessions))
        if rng.randrange(_SESSION_REQUESTS_MAX) == 0:
            return sessions.pop(chosen)
        return sessions[chosen]

    def row(_number: int, time_ms: int) -> Row:
        address, user_id = visitor()
        moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
        return {
            "ip": address,
            "userid": user_id,
            "remote_user": "-",
            "time": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "_time": time_ms,
            "request": rng.choice(_REQUESTS),
            "status": rng.choice(_STATUSES),
            "bytes": str(rng.choice((278, 1289, 2048, 4006, 4096, 14_096))),
            "referrer": "-",
            "agent": rng.choice(_AGENTS),
        }

    return row


_SENSORS = 20


def _sensors(rng: Random) -> Callable[[int, int], Row]:
    temperatures = [rng.uniform(17.0, 24.0) for _ in range(_SENSORS)]

    def row(_number: int, time_ms: int) -> Row:
        sensor = rng.randrange(_SENSORS)
        # A walk that is pulled back to 20 °C, so that it neither sticks nor leaves the house.
        temperatures[sensor] += rng.gauss((20.0 - temperatures[sensor]) * 0.05, 0.3)
        return {
            "sensorid": f"sensor_{sensor:02d}",
            "readingtime": time_ms,
            "temperature": round(temperatures[sensor], 2),
            "humidity": rng.randrange(30, 71),
            "battery": rng.randrange(1, 101),
        }

    return row


SCHEMAS: Mapping[str, RecordSchema] = {
    schema.name: schema
    for schema in (
        RecordSchema(
            "orders",
            "orders of a shop, with a nested address",
            "orderid",
            {
                "ordertime": "BIGINT",
                "orderid": "INT",
                "itemid": "STRING",
                "orderunits": "DOUBLE",
                "address": "STRUCT<city STRING, state STRING, zipcode BIGINT>",
            },
            _orders,
        ),
        RecordSchema(
            "pageviews",
            "views of pages by users",
            "userid",
            {"viewtime": "BIGINT", "userid": "STRING", "pageid": "STRING"},
            _pageviews,
        ),
        RecordSchema(
            "clickstream",
            "a web server's access log, in sessions",
            "ip",
            {
                "ip": "STRING",
                "userid": "INT",
                "remote_user": "STRING",
                "time": "STRING",
                "_time": "BIGINT",
                "request": "STRING",
                "status": "STRING",
                "bytes": "STRING",
                "referrer": "STRING",
                "agent": "STRING",
            },
            _clickstream,
        ),
        RecordSchema(
            "users",
            "users by id, for a table",
            "userid",
            {
                "registertime": "BIGINT",
                "userid": "STRING",
                "regionid": "STRING",
                "gender": "STRING",
            },
            _users,
        ),
        RecordSchema(
            "ratings",
            "ratings of flights, with a text",
            "rating_id",
            {
                "rating_id": "BIGINT",
                "user_id": "INT",
                "stars": "INT",
                "route_id": "INT",
                "rating_time": "BIGINT",
                "channel": "STRING",
                "message": "STRING",
            },
            _ratings,
        ),
        RecordSchema(
            "sensors",
            "readings of twenty thermometers",
            "sensorid",
            {
                "sensorid": "STRING",
                "readingtime": "BIGINT",
                "temperature": "DOUBLE",
                "humidity": "INT",
                "battery": "INT",
            },
            _sensors,
        ),
    )
}
