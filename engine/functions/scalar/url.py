"""Functions of URLs, which are read as Java's `java.net.URI` reads them."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote_plus

from merganser.engine.duck import literal
from merganser.engine.functions.function import SCALARS, CallSite, Overload, ScalarFunction
from merganser.engine.functions.python_function import CallFailedError, python, sql_or_python

_CATEGORY = "URL"

_PARTS = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?"
    r"(?:(?P<opaque>(?<=:)[^/#][^#]*)|"
    r"(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?)"
    r"(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
_ESCAPE = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_LEGAL = frozenset(string.ascii_letters + string.digits + "_-!.~'()*,;:$&+=?/[]@%#")
_HOST = re.compile(
    r"(?:(?P<user>[^@]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.%]+\]|"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?|"
    r"\d{1,3}(?:\.\d{1,3}){3})"
    r"(?::(?P<port>\d*))?"
)

_PORT_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Uri:
    """The parts of a URI, still encoded; None where there is none."""

    scheme: str | None
    host: str | None
    port: int | None
    path: str | None
    query: str | None
    fragment: str | None


def _parse(text: str) -> _Uri:
    """The parts.

    Raises:
        CallFailedError: `new URI(text)` would throw.
    """
    if not all(letter in _LEGAL or _is_other(letter) for letter in text):
        raise CallFailedError
    if re.search("%(?![0-9A-Fa-f]{2})", text) or "#" in text.partition("#")[2]:
        raise CallFailedError
    found = _PARTS.fullmatch(text)
    scheme_end = re.match("[^/?#]*:", text)
    if found is None or (scheme_end is not None and found["scheme"] is None):
        raise CallFailedError
    if found["scheme"] is not None and not text[len(found["scheme"]) + 1 :].partition("#")[0]:
        raise CallFailedError  # "Expected scheme-specific part"
    if found["opaque"] is not None:
        return _Uri(found["scheme"], None, None, None, None, found["fragment"])
    if any(letter in "[]" for letter in found["path"]):
        raise CallFailedError
    authority = found["authority"]
    if authority == "" and not found["path"]:
        raise CallFailedError  # "Expected authority"
    server = _HOST.fullmatch(authority) if authority else None
    port = int(server["port"]) if server and server["port"] else None
    if port is not None and port > _PORT_MAX:
        server, port = None, None  # No number to Java, so no host and port, but a legal URI.
    return _Uri(
        found["scheme"],
        server["host"] if server else None,
        port,
        found["path"],
        found["query"],
        found["fragment"],
    )


def _is_other(letter: str) -> bool:
    """Characters beyond ASCII are legal but for controls and blanks."""
    return letter > "\x7f" and letter.isprintable()


def _decoded(part: str | None) -> str | None:
    """Escapes as UTF-8; malformed ones become U+FFFD."""
    if part is None:
        return None
    return _ESCAPE.sub(
        lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace"), part
    )


def _parameter(text: str, name: str) -> str | None:
    query = _decoded(_parse(text).query)
    for pair in (query or "").split("&") if query is not None else ():
        key, equals, value = pair.partition("=")
        if key == name:
            return value if equals else ""
    return None


def _decode_form(text: str) -> str:
    """`URLDecoder.decode`: `+` is a blank, escapes are UTF-8."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise CallFailedError
    return _decoded(text.replace("+", " ")) or ""


def _encode_form(text: str) -> str:
    """`URLEncoder.encode`: a blank is `+`; letters, digits and `.-*_` stay."""
    return quote_plus(text, safe="*").replace("~", "%7E")


# ------------------------------------------------------------------ common URLs in DuckDB's words

_LETTERS = r"(?:[A-Za-z0-9_.!~'()*,;:$&+=/@-]|%[2-7][0-9A-Fa-f])"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_COMMON = (
    rf"[A-Za-z][A-Za-z0-9+.-]*://(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    rf"(?::[0-9]{{1,5}})?(?:/{_LETTERS}*)?(?:\?(?:{_LETTERS}|\?)*)?(?:#(?:{_LETTERS}|\?)*)?"
)
"""A URL of ASCII with a host's name, whose parts can be found by their marks."""


def _behind(text: str, mark: str) -> str:
    """What stands behind the first of a mark; NULL where there is none."""
    return (
        f"CASE WHEN contains({text}, '{mark}') "
        f"THEN substring({text}, position('{mark}' IN {text}) + 1) END"
    )


def _unescaped(part: str) -> str:
    return f"url_decode({part})"


def _query(site: CallSite) -> str:
    return _unescaped(_behind(f"split_part({site.sql[0]}, '#', 1)", "?"))


def _part(text: str, pattern: str) -> str:
    """The group of a pattern behind `://`."""
    return f"regexp_extract({text}, '^[^:]*://{pattern}', 1)"


def _query_parameter(site: CallSite) -> str:
    name = f"({site.sql[1]})"
    pairs = f"str_split({_query(site)}, '&')"
    pair = f"""list_filter({pairs}, lambda "$p": split_part("$p", '=', 1) = {name})[1]"""
    return f"substring({pair}, length({name}) + 2)"


_IN_DUCKDB: dict[str, Callable[[CallSite], str]] = {
    "URL_EXTRACT_FRAGMENT": lambda site: _unescaped(_behind(f"({site.sql[0]})", "#")),
    "URL_EXTRACT_HOST": lambda site: _part(site.sql[0], "([^:/?#]*)"),
    "URL_EXTRACT_PATH": lambda site: _unescaped(_part(site.sql[0], "[^/?#]*([^?#]*)")),
    "URL_EXTRACT_PORT": lambda site: (
        f"TRY_CAST({_part(site.sql[0], '[^:/?#]*:?([0-9]*)')} AS INTEGER)"
    ),
    "URL_EXTRACT_PROTOCOL": lambda site: f"split_part({site.sql[0]}, ':', 1)",
    "URL_EXTRACT_QUERY": _query,
    "URL_EXTRACT_PARAMETER": _query_parameter,
}


def _overload(name: str, signature: str, row: Callable[..., object]) -> Overload:
    overload = python(f"${name.lower()}", signature, row)
    in_duckdb = _IN_DUCKDB.get(name)
    if in_duckdb is None:
        return overload
    make = in_duckdb

    def call(site: CallSite, slow: str) -> str:
        text = f"({site.sql[0]})"
        is_common = f"regexp_full_match({text}, {literal(_COMMON)})"
        if "url_decode" not in make(site):
            return f"CASE WHEN {is_common} THEN {make(site)} ELSE {slow} END"
        # What CASE keeps out DuckDB may look at all the same, and `url_decode` refuses some texts:
        # those are NULL before they come there.
        common = f"CASE WHEN {is_common} THEN {text} END"
        parts = make(replace(site, sql=('"$u"', *site.sql[1:])))
        return (
            f'list_transform([{common}], lambda "$u": '
            f'CASE WHEN "$u" IS NOT NULL THEN {parts} ELSE {slow} END)[1]'
        )

    return sql_or_python(overload, call)


def _add(
    name: str,
    signature: str,
    row: Callable[..., object],
    doc: str,
    examples: dict[str, object],
) -> None:
    SCALARS.add(
        name,
        ScalarFunction(
            _overload(name, signature, row),
            doc=doc,
            category=_CATEGORY,
            examples={f"{name}{call}": value for call, value in examples.items()},
        ),
    )


_TEXT = "(STRING) -> STRING"
_URL = "https://a.example:8080/p%20q/x?k=v%20w&e=&f#top"
_add(
    "URL_EXTRACT_FRAGMENT",
    _TEXT,
    lambda text: _decoded(_parse(text).fragment),
    "What stands behind `#`.",
    {f"('{_URL}')": "top", "('http://a')": None, "('http://a b')": None, "(NULL)": None},
)
_add(
    "URL_EXTRACT_HOST",
    _TEXT,
    lambda text: _parse(text).host,
    "The host of a URL.",
    {f"('{_URL}')": "a.example", "('/x')": None, "(NULL)": None},
)
_add(
    "URL_EXTRACT_PATH",
    _TEXT,
    lambda text: _decoded(_parse(text).path),
    "The path of a URL, with its leading `/`.",
    {f"('{_URL}')": "/p q/x", "('http://a')": "", "(NULL)": None},
)
_add(
    "URL_EXTRACT_PROTOCOL",
    _TEXT,
    lambda text: _parse(text).scheme,
    "The protocol of a URL.",
    {f"('{_URL}')": "https", "('/x')": None, "(NULL)": None},
)
_add(
    "URL_EXTRACT_QUERY",
    _TEXT,
    lambda text: _decoded(_parse(text).query),
    "What stands behind `?`.",
    {f"('{_URL}')": "k=v w&e=&f", "('http://a')": None, "(NULL)": None},
)
_add(
    "URL_EXTRACT_PORT",
    "(STRING) -> INT",
    lambda text: _parse(text).port,
    "The port of a URL, where it is written.",
    {f"('{_URL}')": 8080, "('http://a')": None, "(NULL)": None},
)
_add(
    "URL_EXTRACT_PARAMETER",
    "(STRING, STRING) -> STRING",
    _parameter,
    "The value of a parameter in a URL's query.",
    {
        f"('{_URL}', 'k')": "v w",
        f"('{_URL}', 'f')": "",
        f"('{_URL}', 'z')": None,
        "(NULL, 'k')": None,
    },
)
_add(
    "URL_DECODE_PARAM",
    _TEXT,
    _decode_form,
    "A text of a URL's parameter, decoded.",
    {"('a+b%21')": "a b!", "('%zz')": None, "(NULL)": None},
)
_add(
    "URL_ENCODE_PARAM",
    _TEXT,
    _encode_form,
    "A text encoded for a URL's parameter.",
    {"('a b!*é')": "a+b%21*%C3%A9", "(NULL)": None},
)
