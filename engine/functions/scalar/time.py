"""Functions that calculate with dates and times. All are in UTC and count milliseconds."""

from __future__ import annotations

from merganser.engine.functions.function import (
    RAISES_IF_NULL,
    SCALARS,
    Nulls,
    ScalarFunction,
    scalar,
)
from merganser.engine.functions.java_time.zone import zone_of
from merganser.engine.functions.python_function import DAY_MS, from_number, python, to_number
from merganser.engine.types import DATE, TIME, TIMESTAMP

_CATEGORY = "DATE / TIME"
_UNIT_MS = (
    "CASE {0} WHEN 'DAY' THEN 86400000 WHEN 'HOUR' THEN 3600000 WHEN 'MINUTE' THEN 60000 "
    "WHEN 'SECOND' THEN 1000 ELSE 1 END"
)

_DAY_NANOS = DAY_MS * 1_000_000
_LONG_MIN, _LONG_MAX = (f"CAST('{limit}' AS HUGEINT)" for limit in (-(2**63), 2**63 - 1))

NOW_MS = "coalesce(CAST(getvariable('now_ms') AS BIGINT), epoch_ms(now()))"
"""The wall clock: what the runtime has fixed for the epoch (`SET VARIABLE now_ms`), else now."""


def _amount(sign: str) -> str:
    return f"{sign} CAST({{1}} AS BIGINT) * ({_UNIT_MS})"


def _add(name: str, kind: str, template: str, examples: dict[str, object], doc: str) -> None:
    SCALARS.add(
        name,
        ScalarFunction(
            scalar(
                f"(UNIT, INT, {kind}) -> {kind}",
                template,
                nulls=Nulls.RETURN,
                fails=RAISES_IF_NULL,
            ),
            doc=doc,
            category=_CATEGORY,
            examples=examples,
        ),
    )


_DAY_OF = to_number("{2}", DATE)
_TIME_OF = to_number("{2}", TIME)
_MOMENT_OF = to_number("{2}", TIMESTAMP)
for _word, _sign in (("ADD", "+"), ("SUB", "-")):
    _verb = "added to" if _word == "ADD" else "taken from"
    # `//` is towards zero, as TimeUnit.toDays.
    _days = f"((CAST({_DAY_OF} AS BIGINT) * {DAY_MS} {_amount(_sign)}) // {DAY_MS})"
    _add(
        f"DATE{_word}",
        "DATE",
        from_number(_days, DATE),
        {
            f"UNIX_DATE(DATE{_word}(DAYS, 1, FROM_DAYS(10)))": 11 if _word == "ADD" else 9,
            f"UNIX_DATE(DATE{_word}(MINUTES, 1, FROM_DAYS(10)))": 10 if _word == "ADD" else 9,
            f"DATE{_word}(DAYS, NULL, FROM_DAYS(10))": None,
        },
        f"A duration {_verb} a date; the result is cut to whole days.",
    )
    # Java counts nanoseconds here and stops at 64 bits.
    _nanos = (
        f"(least(greatest(CAST({{1}} AS HUGEINT) * ({_UNIT_MS}) * 1000000, {_LONG_MIN}), "
        f"{_LONG_MAX}) % {_DAY_NANOS})"
    )
    _sum = f"(CAST({_TIME_OF} AS HUGEINT) * 1000000 {_sign} {_nanos} + {_DAY_NANOS})"
    _time = f"({_sum} % {_DAY_NANOS})"
    _add(
        f"TIME{_word}",
        "TIME",
        f"(TIME '00:00:00' + to_milliseconds(CAST({_time} // 1000000 AS BIGINT)))",
        {
            f"CAST(TIME{_word}(HOURS, 1, '23:30') AS STRING)": "00:30"
            if _word == "ADD"
            else "22:30",
            f"TIME{_word}(HOURS, NULL, '23:30')": None,
        },
        f"A duration {_verb} a time of day, modulo 24 hours.",
    )
    _add(
        f"TIMESTAMP{_word}",
        "TIMESTAMP",
        from_number(f"{_MOMENT_OF} {_amount(_sign)}", TIMESTAMP),
        {
            f"UNIX_TIMESTAMP(TIMESTAMP{_word}(SECONDS, 1, FROM_UNIXTIME(5000)))": 6000
            if _word == "ADD"
            else 4000,
            f"TIMESTAMP{_word}(SECONDS, 1, NULL)": None,
        },
        f"A duration {_verb} a timestamp.",
    )

SCALARS.add(
    "FROM_DAYS",
    ScalarFunction(
        scalar("(INT!) -> DATE", from_number("{0}", DATE), fails=RAISES_IF_NULL),
        doc="The date so many days after 1970-01-01.",
        category=_CATEGORY,
        examples={"UNIX_DATE(FROM_DAYS(50))": 50, "FROM_DAYS(NULL)": None},
    ),
)
SCALARS.add(
    "FROM_UNIXTIME",
    ScalarFunction(
        scalar("(BIGINT) -> TIMESTAMP", from_number("{0}", TIMESTAMP), fails=RAISES_IF_NULL),
        doc="The timestamp of epoch milliseconds.",
        category=_CATEGORY,
        examples={"UNIX_TIMESTAMP(FROM_UNIXTIME(5))": 5, "FROM_UNIXTIME(NULL)": None},
    ),
)
SCALARS.add(
    "UNIX_DATE",
    ScalarFunction(
        scalar("() -> INT", f"CAST({NOW_MS} // {DAY_MS} AS INTEGER)"),
        scalar("(DATE) -> INT", to_number("{0}", DATE)),
        doc="Days since 1970-01-01 of a date, or of today.",
        category=_CATEGORY,
        examples={"UNIX_DATE(FROM_DAYS(50))": 50, "UNIX_DATE(CAST(NULL AS DATE))": None},
    ),
)
SCALARS.add(
    "UNIX_TIMESTAMP",
    ScalarFunction(
        scalar("() -> BIGINT", NOW_MS),
        scalar("(TIMESTAMP) -> BIGINT", to_number("{0}", TIMESTAMP)),
        doc="Epoch milliseconds of a timestamp, or of now.",
        category=_CATEGORY,
        examples={
            "UNIX_TIMESTAMP(FROM_UNIXTIME(5))": 5,
            "UNIX_TIMESTAMP(CAST(NULL AS TIMESTAMP))": None,
        },
    ),
)


def _convert_zone(epoch_ms: int, source: str, target: str) -> int:
    seconds = epoch_ms // 1000
    shift = zone_of(target).offset_s(seconds) - zone_of(source).offset_s(seconds)
    return epoch_ms + shift * 1000


SCALARS.add(
    "CONVERT_TZ",
    ScalarFunction(
        python("$convert_tz", "(TIMESTAMP, STRING, STRING) -> TIMESTAMP", _convert_zone),
        doc="A timestamp of one zone's clock as another zone's clock shows it.",
        category=_CATEGORY,
        examples={
            "UNIX_TIMESTAMP(CONVERT_TZ(FROM_UNIXTIME(0), 'UTC', '+02:00'))": 7200000,
            "CONVERT_TZ(FROM_UNIXTIME(0), 'UTC', 'Mars/Base')": None,
            "CONVERT_TZ(NULL, 'UTC', 'UTC')": None,
        },
    ),
)
