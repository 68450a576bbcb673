"""Moved to `merganser.engine.java_numbers`; this name goes when nothing imports it any more."""

from merganser.engine.java_numbers import (  # noqa: F401 — for importers of the old name.
    INT_BITS,
    LONG_BITS,
    decimal_text,
    double_text,
    fit_decimal,
    parse_decimal,
    parse_double,
    parse_integer,
    truncate_decimal,
    wrap_integer,
)
