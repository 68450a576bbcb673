"""GEO_DISTANCE."""

from __future__ import annotations

import math

from merganser.engine.functions.function import SCALARS, CallSite, Nulls, ScalarFunction
from merganser.engine.functions.python_function import CallFailedError, fast_or_python, python

_RADIUS_KM, _RADIUS_MILES = 6371.0, 3959.0
_UNITS = {
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), _RADIUS_KM),
    **dict.fromkeys(("mi", "mile", "miles"), _RADIUS_MILES),
}
_LATITUDE_MAX, _LONGITUDE_MAX = 90, 180


def _distance(
    first_latitude: float,
    first_longitude: float,
    second_latitude: float,
    second_longitude: float,
    unit: str | None = None,
) -> float:
    """Haversine distance on a sphere."""
    latitudes = (first_latitude, second_latitude)
    longitudes = (first_longitude, second_longitude)
    if not all(abs(angle) <= _LATITUDE_MAX for angle in latitudes):
        raise CallFailedError
    if not all(abs(angle) <= _LONGITUDE_MAX for angle in longitudes):
        raise CallFailedError
    radius = _UNITS[(unit or "").strip().lower() or "km"]
    height = math.sin(math.radians(second_latitude - first_latitude) / 2)
    width = math.sin(math.radians(second_longitude - first_longitude) / 2)
    cosines = math.cos(math.radians(first_latitude)) * math.cos(math.radians(second_latitude))
    part = height * height + width * width * cosines
    return radius * 2 * math.asin(min(math.sqrt(part), 1.0))


def _in_duckdb(site: CallSite) -> str | None:
    """The distance of two places that are on Earth, else NULL."""
    unit = site.literals[4] if len(site.sql) > 4 else "km"
    radius = _UNITS.get(str(unit).strip().lower())
    if radius is None:
        return None
    places = [f"({sql})" for sql in site.sql[:4]]
    inside = " AND ".join(
        f"{place} BETWEEN {-bound} AND {bound}"
        for place, bound in zip(places, (_LATITUDE_MAX, _LONGITUDE_MAX) * 2, strict=True)
    )
    # NULL for other places: their sine could be an error.
    names = [f"CASE WHEN {inside} THEN {place} END" for place in places]
    struct = ", ".join(f"{name} := {sql}" for name, sql in zip("abcd", names, strict=True))
    degree = math.pi / 180
    height, width = (f"sin(({b} - {a}) * {degree!r} / 2)" for a, b in _SIDES)
    cosines = f"(cos({_FIRST} * {degree!r}) * cos({_SECOND} * {degree!r}))"
    part = f"({height} * {height} + {width} * {width} * {cosines})"
    return (
        f'list_transform([struct_pack({struct})], lambda "$g": '
        # `least` gives 1.0 of a NULL.
        f"CASE WHEN {_FIRST} IS NOT NULL THEN {radius * 2!r} * asin(least(sqrt({part}), 1.0)) END)"
        "[1]"
    )


_FIRST, _SECOND = '"$g".a', '"$g".c'
_SIDES = ((_FIRST, _SECOND), ('"$g".b', '"$g".d'))
_PLACES = "DOUBLE!, DOUBLE!, DOUBLE!, DOUBLE!"
SCALARS.add(
    "GEO_DISTANCE",
    ScalarFunction(
        fast_or_python(python("$geo_distance", f"({_PLACES}) -> DOUBLE", _distance), _in_duckdb),
        fast_or_python(
            python(
                "$geo_distance_unit", f"({_PLACES}, STRING) -> DOUBLE", _distance, nulls=Nulls.PASS
            ),
            _in_duckdb,
        ),
        doc="Distance of two places, given as latitude and longitude, in km or miles.",
        category="OTHER",
        examples={
            "GEO_DISTANCE(0.0, 0.0, 0.0, 0.0)": 0.0,
            "CAST(GEO_DISTANCE(37.4439, -122.1663, 51.5257, -0.1122, 'miles') AS INT)": 5365,
            "GEO_DISTANCE(0.0, 0.0, 0.0, 0.0, 'yards')": None,
            "GEO_DISTANCE(91.0, 0.0, 0.0, 0.0)": None,
            "GEO_DISTANCE(CAST(NULL AS DOUBLE), 0.0, 0.0, 0.0)": None,
        },
    ),
)
