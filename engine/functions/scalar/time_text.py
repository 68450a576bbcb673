"""Functions that format and parse dates and times by Java's patterns."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.functions.function import SCALARS, CallSite, Nulls, ScalarFunction
from merganser.engine.functions.java_time.format import format_moment
from merganser.engine.functions.java_time.legacy import parse_date_days
from merganser.engine.functions.java_time.moment import Moment
from merganser.engine.functions.java_time.parse import parse_text
from merganser.engine.functions.java_time.pattern import (
    DATE_LETTERS,
    TIME_LETTERS,
    ZONE_LETTERS,
    letters,
    parse_pattern,
)
from merganser.engine.functions.java_time.resolve import (
    resolve_days,
    resolve_epoch_ms,
    resolve_ms,
)
from merganser.engine.functions.java_time.strftime import format_sql, parse_sql, parse_time_sql
from merganser.engine.functions.java_time.zone import Zone, zone_of
from merganser.engine.functions.python_function import (
    CallFailedError,
    fast_or_python,
    from_number,
    python,
)

_CATEGORY = "DATE / TIME"
_GMT = Zone("GMT", 0)
_ALL = DATE_LETTERS | TIME_LETTERS | ZONE_LETTERS
_YEAR_NOW = 2026  # Years of two digits in PARSE_DATE; a function of rows may not ask the clock.


def _format_timestamp(epoch_ms: int, pattern: str, zone: str | None = None) -> str:
    where = _GMT if zone is None else zone_of(zone)
    return format_moment(parse_pattern(pattern), Moment.of(epoch_ms, where), _ALL)


def _format_date(days: int, pattern: str) -> str:
    moment = Moment(days, 0, _GMT, days * 86_400)
    return format_moment(parse_pattern(pattern), moment, DATE_LETTERS)


def _format_time(ms: int, pattern: str) -> str:
    return format_moment(parse_pattern(pattern), Moment(0, ms, _GMT, 0), TIME_LETTERS)


def _parse_timestamp(text: str, pattern: str, zone: str | None = None) -> int:
    where = _GMT if zone is None else zone_of(zone)
    return resolve_epoch_ms(parse_text(parse_pattern(pattern), text), where)


def _parse_date(text: str, pattern: str) -> int:
    return parse_date_days(text, pattern, year_now=_YEAR_NOW)


def _parse_time(text: str, pattern: str) -> int:
    elements = parse_pattern(pattern)
    if letters(elements) & (DATE_LETTERS - {"Q", "q"}):
        raise CallFailedError
    return resolve_ms(parse_text(elements, text), strict=True)


def _string_to_date(text: str, pattern: str) -> int:
    return resolve_days(parse_text(parse_pattern(pattern), text))


_UTC_NAMES = (None, "UTC", "GMT", "Z")


def _is_utc(site: CallSite) -> bool:
    """Whether the third argument is not there, or a literal name of UTC."""
    return len(site.sql) < 3 or site.literals[2] in _UTC_NAMES[1:]


def _fast_timestamp(site: CallSite) -> str | None:
    if not _is_utc(site):
        return None
    return format_sql(f"({site.sql[0]})", site.literals[1], date=True, time=True)


def _fast_epoch(site: CallSite) -> str | None:
    if not _is_utc(site):
        return None
    moment = from_number(site.sql[0], types.TIMESTAMP)
    return format_sql(f"({moment})", site.literals[1], date=True, time=True)


def _fast_date(site: CallSite) -> str | None:
    return format_sql(f"({site.sql[0]})", site.literals[1], date=True, time=False)


def _fast_time(site: CallSite) -> str | None:
    moment = f"(DATE '2000-01-01' + ({site.sql[0]}))"
    return format_sql(moment, site.literals[1], date=False, time=True)


def _fast_parse(site: CallSite) -> str | None:
    return parse_sql(f"({site.sql[0]})", site.literals[1]) if _is_utc(site) else None


def _fast_parse_epoch(site: CallSite) -> str | None:
    quick = _fast_parse(site)
    return None if quick is None else f"epoch_ms({quick})"


def _fast_parse_date(site: CallSite) -> str | None:
    """Only for patterns of plain dates: a time raises, and `u` is the day of the week."""
    quick = parse_sql(f"({site.sql[0]})", site.literals[1])
    if quick is None or not letters(parse_pattern(str(site.literals[1]))) <= {"y", "M", "d"}:
        return None
    return f"CAST({quick} AS DATE)"


def _fast_parse_days(site: CallSite) -> str | None:
    quick = parse_sql(f"({site.sql[0]})", site.literals[1])
    return None if quick is None else f"CAST(CAST({quick} AS DATE) - DATE '1970-01-01' AS INTEGER)"


def _fast_parse_time(site: CallSite) -> str | None:
    return parse_time_sql(f"({site.sql[0]})", site.literals[1])


def _fast_days(site: CallSite) -> str | None:
    day = from_number(site.sql[0], types.DATE)
    return format_sql(f"({day})", site.literals[1], date=True, time=False)


SCALARS.add(
    "FORMAT_TIMESTAMP",
    ScalarFunction(
        fast_or_python(
            python("$format_timestamp", "(TIMESTAMP, STRING) -> STRING", _format_timestamp),
            _fast_timestamp,
        ),
        fast_or_python(
            python(
                "$format_timestamp_zone", "(TIMESTAMP, STRING, STRING) -> STRING", _format_timestamp
            ),
            _fast_timestamp,
        ),
        doc="A timestamp by a pattern, in GMT or in a zone.",
        category=_CATEGORY,
        examples={
            "FORMAT_TIMESTAMP(FROM_UNIXTIME(1), 'yyyyMMdd HH:mm:ss.SSS')": "19700101 00:00:00.001",
            "FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'HH:mm XXX', 'Europe/Paris')": "01:00 +01:00",
            "FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy', 'Mars/Base')": None,
            "FORMAT_TIMESTAMP(NULL, 'yyyy')": None,
        },
    ),
)
SCALARS.add(
    "FORMAT_DATE",
    ScalarFunction(
        fast_or_python(
            python("$format_date", "(DATE, STRING) -> STRING", _format_date), _fast_date
        ),
        doc="A date by a pattern.",
        category=_CATEGORY,
        examples={
            "FORMAT_DATE(FROM_DAYS(18321), 'EEE, d MMM yyyy')": "Sat, 29 Feb 2020",
            "FORMAT_DATE(FROM_DAYS(18321), 'HH')": None,
            "FORMAT_DATE(NULL, 'yyyy')": None,
        },
    ),
)
SCALARS.add(
    "FORMAT_TIME",
    ScalarFunction(
        fast_or_python(
            python("$format_time", "(TIME, STRING) -> STRING", _format_time), _fast_time
        ),
        doc="A time of day by a pattern.",
        category=_CATEGORY,
        examples={
            "FORMAT_TIME('12:34:56', 'h:mm a')": "12:34 PM",
            "FORMAT_TIME('12:34:56', 'yyyy')": None,
            "FORMAT_TIME(CAST(NULL AS TIME), 'HH')": None,
        },
    ),
)
SCALARS.add(
    "PARSE_TIMESTAMP",
    ScalarFunction(
        fast_or_python(
            python("$parse_timestamp", "(STRING, STRING) -> TIMESTAMP", _parse_timestamp),
            _fast_parse,
        ),
        fast_or_python(
            python(
                "$parse_timestamp_zone", "(STRING, STRING, STRING) -> TIMESTAMP", _parse_timestamp
            ),
            _fast_parse,
        ),
        doc="The timestamp that a text gives by a pattern, in GMT or in a zone.",
        category=_CATEGORY,
        examples={
            "UNIX_TIMESTAMP(PARSE_TIMESTAMP('1970-01-02', 'yyyy-MM-dd'))": 86400000,
            "UNIX_TIMESTAMP(PARSE_TIMESTAMP('10:20', 'HH:mm', 'Europe/Paris'))": 33600000,
            "PARSE_TIMESTAMP('x', 'yyyy')": None,
            "PARSE_TIMESTAMP(NULL, 'yyyy')": None,
        },
    ),
)
SCALARS.add(
    "PARSE_DATE",
    ScalarFunction(
        fast_or_python(
            python("$parse_date", "(STRING, STRING) -> DATE", _parse_date), _fast_parse_date
        ),
        doc="The date that a text gives by a pattern (of SimpleDateFormat, lenient).",
        category=_CATEGORY,
        examples={
            "UNIX_DATE(PARSE_DATE('2021-02-30', 'yyyy-MM-dd'))": 18688,
            "PARSE_DATE('x', 'yyyy')": None,
            "PARSE_DATE(NULL, 'yyyy')": None,
        },
    ),
)
SCALARS.add(
    "PARSE_TIME",
    ScalarFunction(
        fast_or_python(
            python("$parse_time", "(STRING, STRING) -> TIME", _parse_time), _fast_parse_time
        ),
        doc="The time of day that a text gives by a pattern.",
        category=_CATEGORY,
        examples={
            "CAST(PARSE_TIME('10 PM', 'h a') AS STRING)": "22:00",
            "PARSE_TIME('15', 'ss')": None,
            "PARSE_TIME(NULL, 'HH')": None,
        },
    ),
)


# ------------------------------------------------------------------ the older functions

SCALARS.add(
    "DATETOSTRING",
    ScalarFunction(
        fast_or_python(
            python("$datetostring", "(INT!, STRING) -> STRING", _format_date), _fast_days
        ),
        doc="Days since 1970-01-01 as text by a pattern. Use FORMAT_DATE.",
        category=_CATEGORY,
        examples={
            "DATETOSTRING(18321, 'yyyy-MM-dd')": "2020-02-29",
            "DATETOSTRING(NULL, 'yyyy')": None,
        },
    ),
)


def _required(text: str | None, pattern: str | None, zone: str | None = "UTC") -> tuple[str, ...]:
    """All arguments; a NULL raises."""
    if text is None or pattern is None or zone is None:
        raise CallFailedError
    return text, pattern, zone


def _string_to_date_or_raise(text: str | None, pattern: str | None) -> int:
    given = _required(text, pattern)
    return _string_to_date(given[0], given[1])


def _string_to_timestamp(text: str | None, pattern: str | None, zone: str | None = "UTC") -> int:
    return _parse_timestamp(*_required(text, pattern, zone))


SCALARS.add(
    "STRINGTODATE",
    ScalarFunction(
        fast_or_python(
            python(
                "$stringtodate",
                "(STRING, STRING) -> INT",
                _string_to_date_or_raise,
                nulls=Nulls.PASS,
            ),
            _fast_parse_days,
        ),
        doc="Days since 1970-01-01 of the date that a text gives. Use PARSE_DATE.",
        category=_CATEGORY,
        examples={
            "STRINGTODATE('2020-02-29', 'yyyy-MM-dd')": 18321,
            "STRINGTODATE(NULL, 'yyyy')": None,
        },
    ),
)
SCALARS.add(
    "STRINGTOTIMESTAMP",
    ScalarFunction(
        fast_or_python(
            python(
                "$stringtotimestamp",
                "(STRING, STRING) -> BIGINT",
                _string_to_timestamp,
                nulls=Nulls.PASS,
            ),
            _fast_parse_epoch,
        ),
        fast_or_python(
            python(
                "$stringtotimestamp_zone",
                "(STRING, STRING, STRING) -> BIGINT",
                _string_to_timestamp,
                nulls=Nulls.PASS,
            ),
            _fast_parse_epoch,
        ),
        doc="Epoch ms of the timestamp that a text gives. Use PARSE_TIMESTAMP.",
        category=_CATEGORY,
        examples={
            "STRINGTOTIMESTAMP('1970-01-02', 'yyyy-MM-dd')": 86400000,
            "STRINGTOTIMESTAMP(NULL, 'yyyy')": None,
        },
    ),
)
SCALARS.add(
    "TIMESTAMPTOSTRING",
    ScalarFunction(
        fast_or_python(
            python("$timestamptostring", "(BIGINT!, STRING) -> STRING", _format_timestamp),
            _fast_epoch,
        ),
        fast_or_python(
            python(
                "$timestamptostring_zone", "(BIGINT!, STRING, STRING) -> STRING", _format_timestamp
            ),
            _fast_epoch,
        ),
        doc="Epoch ms as text by a pattern. Use FORMAT_TIMESTAMP.",
        category=_CATEGORY,
        examples={
            "TIMESTAMPTOSTRING(0, 'yyyy-MM-dd')": "1970-01-01",
            "TIMESTAMPTOSTRING(NULL, 'yyyy')": None,
        },
    ),
)
