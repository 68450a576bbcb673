"""Bytes and encoded text."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable

from merganser.engine.functions.function import SCALARS, ScalarFunction, scalar, volatile
from merganser.engine.functions.python_function import CallFailedError, python
from merganser.engine.functions.utf16 import from_units

_NOT_BASE64 = re.compile("[^A-Za-z0-9+/]")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def _hex(text: str) -> bytes:
    if len(text) % 2 or not _HEX_DIGITS.issuperset(text):
        raise CallFailedError
    return bytes.fromhex(text)


def _written_hex(text: str) -> bytes:
    """Hex digits, as they are, as `0x…` or as `X'…'`; in these an odd number gets a zero."""
    if text.startswith("0x"):
        digits = text[2:]
    elif text[:2] in ("X'", "x'") and text.endswith("'") and len(text) > 2:
        digits = text[2:-1]
    else:
        return _hex(text)
    return _hex("0" + digits if len(digits) % 2 else digits)


def _base64(text: str) -> bytes:
    padded = text if "=" in text else text + "=" * (-len(text) % 4)
    return base64.b64decode(padded, validate=True)


def _lenient_base64(text: str) -> bytes:
    """Base64 as commons-codec reads it: other characters are skipped, either alphabet is fine."""
    digits = _NOT_BASE64.sub("", text.partition("=")[0].replace("-", "+").replace("_", "/"))
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


_FROM_TEXT: dict[str, Callable[[str], bytes]] = {
    "hex": _hex,
    "utf8": lambda text: text.encode(),
    "ascii": lambda text: text.encode("ascii", "replace"),
    "base64": _base64,
}
_FROM_WRITTEN = {**_FROM_TEXT, "hex": _written_hex, "base64": _lenient_base64}
_TO_TEXT: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "utf8": lambda raw: raw.decode("utf-8", "replace"),
    "ascii": lambda raw: raw.decode("ascii", "replace"),
    "base64": lambda raw: base64.b64encode(raw).decode(),
}


def _encoding(name: str) -> str:
    if name.lower() not in _FROM_TEXT:
        raise CallFailedError
    return name.lower()


def _encode(text: str, source: str, target: str) -> str:
    given, wanted = _encoding(source), _encoding(target)
    if given == wanted:
        raise CallFailedError
    return _TO_TEXT[wanted](_FROM_WRITTEN[given](text))


def _to_bytes(text: str, encoding: str) -> bytes:
    return _FROM_TEXT[_encoding(encoding)](text)


def _from_bytes(raw: bytes, encoding: str) -> str:
    text = _TO_TEXT[_encoding(encoding)](raw)
    return text.upper() if _encoding(encoding) == "hex" else text


SCALARS.add(
    "ENCODE",
    ScalarFunction(
        python("$encode", "(STRING, STRING, STRING) -> STRING", _encode),
        doc="A text in another encoding: hex, utf8, ascii or base64.",
        category="STRING",
        examples={
            "ENCODE('Hello', 'utf8', 'base64')": "SGVsbG8=",
            "ENCODE('0x4B', 'hex', 'utf8')": "K",
            "ENCODE('a', 'utf8', 'utf8')": None,
            "ENCODE(NULL, 'utf8', 'hex')": None,
        },
    ),
)
SCALARS.add(
    "TO_BYTES",
    ScalarFunction(
        python("$to_bytes", "(STRING, STRING) -> BYTES", _to_bytes),
        doc="The bytes that a text spells in an encoding: hex, utf8, ascii or base64.",
        category="STRING",
        examples={
            "TO_BYTES('0a0b', 'hex')": b"\x0a\x0b",
            "TO_BYTES('zz', 'hex')": None,
            "TO_BYTES(NULL, 'hex')": None,
        },
    ),
)
SCALARS.add(
    "FROM_BYTES",
    ScalarFunction(
        python("$from_bytes", "(BYTES, STRING) -> STRING", _from_bytes),
        doc="Bytes as text in an encoding: hex (upper case), utf8, ascii or base64.",
        category="STRING",
        examples={
            "FROM_BYTES(TO_BYTES('0a0b', 'hex'), 'hex')": "0A0B",
            "FROM_BYTES(TO_BYTES('a', 'utf8'), 'base64')": "YQ==",
            "FROM_BYTES(TO_BYTES('a', 'utf8'), 'x')": None,
            "FROM_BYTES(NULL, 'hex')": None,
        },
    ),
)


# ------------------------------------------------------------------ numbers in bytes


def _number(letter: str) -> Callable[..., int | float]:
    size = struct.calcsize(f">{letter}")

    def read(raw: bytes, order: str = "BIG_ENDIAN") -> int | float:
        signs = {"BIG_ENDIAN": ">", "LITTLE_ENDIAN": "<"}
        if len(raw) != size or order.upper() not in signs:
            raise CallFailedError
        number: int | float = struct.unpack(signs[order.upper()] + letter, raw)[0]
        return number

    return read


def _add_number(name: str, kind: str, letter: str, sample: tuple[str, object]) -> None:
    row = _number(letter)
    SCALARS.add(
        f"{name}_FROM_BYTES",
        ScalarFunction(
            python(f"${name.lower()}_from_bytes", f"(BYTES) -> {kind}", row),
            python(f"${name.lower()}_from_bytes_order", f"(BYTES, STRING) -> {kind}", row),
            doc=f"The {kind} that bytes hold, BIG_ENDIAN or LITTLE_ENDIAN.",
            category="CONVERSIONS",
            examples={
                f"{name}_FROM_BYTES(TO_BYTES('{sample[0]}', 'hex'))": sample[1],
                f"{name}_FROM_BYTES(NULL)": None,
                f"{name}_FROM_BYTES(TO_BYTES('00', 'hex'))": None,
            },
        ),
    )


_add_number("INT", "INT", "i", ("0000076b", 1899))
_add_number("BIGINT", "BIGINT", "q", ("000000000000076b", 1899))
_add_number("DOUBLE", "DOUBLE", "d", ("4028ae147ae147ae", 12.34))


# ------------------------------------------------------------------ CHR, UUID


def _unescaped(text: str) -> str | None:
    r"""A text that starts with `\uXXXX`, unescaped as Java source is."""
    if len(text) < 6 or not text.startswith("\\u"):
        return None
    parts: list[str] = []
    index = 0
    while index < len(text):
        if text[index] != "\\":
            parts.append(text[index])
            index += 1
            continue
        letter, index = _escape_at(text, index)
        parts.append(letter)
    return from_units("".join(parts))


_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _escape_at(text: str, index: int) -> tuple[str, int]:
    letter = text[index + 1 : index + 2]
    if letter != "u":
        return _SIMPLE_ESCAPES.get(letter, letter), index + 1 + len(letter)
    start = index + 2
    while text[start : start + 1] == "u":
        start += 1
    digits = text[start : start + 4].removeprefix("+")
    if len(digits) != 4 or not _HEX_DIGITS.issuperset(digits):
        raise CallFailedError
    return chr(int(digits, 16)), start + 4


SCALARS.add(
    "CHR",
    ScalarFunction(
        scalar(
            "(INT) -> STRING",
            "CASE WHEN {0} BETWEEN 0 AND 55295 OR {0} BETWEEN 57344 AND 1114111 "
            "THEN chr({0}) WHEN {0} BETWEEN 55296 AND 57343 THEN '?' END",
        ),
        python("$chr", "(STRING) -> STRING", _unescaped),
        doc="The character of a code point, or of a Java escape such as \\u0065.",
        category="STRING",
        examples={
            "CHR(75)": "K",
            "CHR(-1)": None,
            "CHR('\\u004b')": "K",
            "CHR('K')": None,
            "CHR(CAST(NULL AS INT))": None,
        },
    ),
)


_SAMPLE_UUID = "00112233-4455-6677-8899-aabbccddeeff"


def _uuid(raw: bytes) -> str | None:
    if len(raw) != 16:
        return None
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


SCALARS.add(
    "UUID",
    ScalarFunction(
        volatile(scalar("() -> STRING", "CAST(uuid() AS VARCHAR)")),
        python("$uuid", "(BYTES) -> STRING", _uuid, raises=False),
        doc="A random UUID, or the one that 16 bytes hold.",
        category="STRING",
        examples={
            "LEN(UUID())": 36,
            "UUID(TO_BYTES('00112233445566778899aabbccddeeff', 'hex'))": _SAMPLE_UUID,
            "UUID(TO_BYTES('00', 'hex'))": None,
            "UUID(CAST(NULL AS BYTES))": None,
        },
    ),
)
