"""Names in the texts of dates and times, as Java's en_US locale spells them."""

from __future__ import annotations

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SHORT_MONTHS = tuple(name[:3] for name in MONTHS)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT_DAYS = tuple(name[:3] for name in DAYS)
ERAS = {"short": ("BC", "AD"), "full": ("Before Christ", "Anno Domini"), "narrow": ("B", "A")}
QUARTERS = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")
HALVES = ("AM", "PM")

_MINUTE_MS = 60_000
_PERIODS = (
    (0, "midnight", "mi"),
    (1, "at night", "at night"),
    (6 * 60, "in the morning", "in the morning"),
    (12 * 60, "noon", "n"),
    (12 * 60 + 1, "in the afternoon", "in the afternoon"),
    (18 * 60, "in the evening", "in the evening"),
    (21 * 60, "at night", "at night"),
)


def day_period(ms: int, *, narrow: bool = False) -> str:
    """The part of the day at a time of day (pattern letter B)."""
    minute = ms // _MINUTE_MS
    found = [period for period in _PERIODS if period[0] <= minute][-1]
    return found[2] if narrow else found[1]


ZONE_NAMES: dict[str, tuple[str, str, str, str]] = {
    # Zone: short and long name in winter, short and long name in summer.
    "GMT": ("GMT", "Greenwich Mean Time", "GMT", "Greenwich Mean Time"),
    "UTC": ("UTC", "Coordinated Universal Time", "UTC", "Coordinated Universal Time"),
    "Europe/London": ("GMT", "Greenwich Mean Time", "BST", "British Summer Time"),
    "America/New_York": ("EST", "Eastern Standard Time", "EDT", "Eastern Daylight Time"),
    "America/Chicago": ("CST", "Central Standard Time", "CDT", "Central Daylight Time"),
    "America/Denver": ("MST", "Mountain Standard Time", "MDT", "Mountain Daylight Time"),
    "America/Phoenix": ("MST", "Mountain Standard Time", "MST", "Mountain Standard Time"),
    "America/Los_Angeles": ("PST", "Pacific Standard Time", "PDT", "Pacific Daylight Time"),
    "America/Sao_Paulo": ("BRT", "Brasilia Standard Time", "BRST", "Brasilia Summer Time"),
    "Asia/Kolkata": ("IST", "India Standard Time", "IST", "India Standard Time"),
    "Asia/Calcutta": ("IST", "India Standard Time", "IST", "India Standard Time"),
    "Asia/Kathmandu": ("NPT", "Nepal Time", "NPT", "Nepal Time"),
    "Asia/Tokyo": ("JST", "Japan Standard Time", "JST", "Japan Standard Time"),
    "Asia/Seoul": ("KST", "Korean Standard Time", "KST", "Korean Standard Time"),
    "Asia/Shanghai": ("CST", "China Standard Time", "CST", "China Standard Time"),
    "Asia/Hong_Kong": ("HKT", "Hong Kong Standard Time", "HKT", "Hong Kong Standard Time"),
    "Asia/Singapore": ("SGT", "Singapore Standard Time", "SGT", "Singapore Standard Time"),
    "Asia/Dubai": ("GST", "Gulf Standard Time", "GST", "Gulf Standard Time"),
    "Australia/Sydney": (
        "AEST",
        "Australian Eastern Standard Time",
        "AEDT",
        "Australian Eastern Daylight Time",
    ),
}
_CENTRAL_EUROPE = (
    "CET",
    "Central European Standard Time",
    "CEST",
    "Central European Summer Time",
)
ZONE_NAMES.update(
    dict.fromkeys(
        (
            "Europe/Paris",
            "Europe/Berlin",
            "Europe/Madrid",
            "Europe/Rome",
            "Europe/Vienna",
            "Europe/Zurich",
            "Europe/Amsterdam",
            "Europe/Brussels",
            "Europe/Stockholm",
            "Europe/Oslo",
            "Europe/Copenhagen",
            "Europe/Prague",
            "Europe/Warsaw",
            "Europe/Budapest",
        ),
        _CENTRAL_EUROPE,
    )
)

ZONES_BY_NAME = {
    # What a short name in a text means.
    "GMT": "GMT",
    "UTC": "UTC",
    "UT": "UTC",
    "Z": "UTC",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "AKST": "America/Anchorage",
    "HST": "Pacific/Honolulu",
    "BST": "Europe/London",
    "WET": "WET",
    "CET": "CET",
    "CEST": "CET",
    "EET": "EET",
    "EEST": "EET",
    "MSK": "Europe/Moscow",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "SGT": "Asia/Singapore",
    "AEST": "Australia/Sydney",
    "NZST": "Pacific/Auckland",
}
