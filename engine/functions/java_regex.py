r"""Java's regular expressions on top of the `regex` module, which is nearest to them.

What is translated: `.`, `$`, `\z`, `\Z`, `\Q…\E`, `\h`, `\x{…}`; classes, flags, possessive
and lazy quantifiers, look-around, back references and named groups are alike.
"""

from __future__ import annotations

import functools

import regex

from merganser.engine.functions.python_function import CallFailedError

_BREAKS = "\\n\\r\\x85\\u2028\\u2029"
_ANY = f"[^{_BREAKS}]"
_END = f"(?=(?:\\r\\n|[{_BREAKS}])?\\Z)"
_ESCAPES = {
    "z": "\\Z",
    "Z": _END,
    "h": "[ \\t\\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000]",
    "R": f"(?:\\r\\n|[{_BREAKS}\\x0b\\x0c])",
}
_CLASSES = {"d": "0-9", "w": "a-zA-Z_0-9", "s": " \\t\\n\\x0b\\f\\r"}  # Java's are ASCII.
_FLAGS_CHANGE_DOT = regex.compile(r"\(\?[a-zA-Z]*[sm]")


@functools.lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """The compiled pattern.

    Raises:
        CallFailedError: It is none.
    """
    try:
        return regex.compile(_translate(pattern), regex.V1)
    except (regex.error, ValueError, OverflowError) as error:
        raise CallFailedError from error


def _translate(pattern: str) -> str:
    plain_dot = _FLAGS_CHANGE_DOT.search(pattern) is None
    parts: list[str] = []
    index, depth = 0, 0
    while index < len(pattern):
        letter = pattern[index]
        if letter == "\\":
            part, index = _escape(pattern, index, in_class=depth > 0)
            parts.append(part)
            continue
        index += 1
        if letter == "[":
            depth += 1
        elif letter == "]" and depth:
            depth -= 1
        elif depth == 0 and plain_dot and letter in ".$":
            letter = _ANY if letter == "." else _END
        parts.append(letter)
    return "".join(parts)


def _escape(pattern: str, index: int, *, in_class: bool) -> tuple[str, int]:
    """An escape that begins at an index, translated, and the index behind it."""
    letter = pattern[index + 1 : index + 2]
    if letter == "Q":
        end = pattern.find("\\E", index)
        end = len(pattern) if end < 0 else end
        return regex.escape(pattern[index + 2 : end]), end + 2
    if letter == "x" and pattern[index + 2 : index + 3] == "{":
        end = pattern.find("}", index)
        if end < 0:
            raise CallFailedError
        return regex.escape(chr(int(pattern[index + 3 : end], 16))), end + 1
    if letter in _CLASSES:
        return (_CLASSES[letter] if in_class else f"[{_CLASSES[letter]}]"), index + 2
    if letter.lower() in _CLASSES:
        return f"[^{_CLASSES[letter.lower()]}]", index + 2
    if not in_class and letter in _ESCAPES:
        return _ESCAPES[letter], index + 2
    return pattern[index : index + 2], index + 2


def expand(match: regex.Match[str], replacement: str) -> str:
    r"""A replacement as Java's `appendReplacement` reads it: `$1`, `${name}`, `\` quotes.

    Raises:
        CallFailedError: It refers to a group that is not there, or ends early.
    """
    parts: list[str] = []
    index = 0
    while index < len(replacement):
        letter = replacement[index]
        index += 1
        if letter == "\\":
            if index >= len(replacement):
                raise CallFailedError
            parts.append(replacement[index])
            index += 1
        elif letter == "$":
            value, index = _reference(match, replacement, index)
            parts.append(value)
        else:
            parts.append(letter)
    return "".join(parts)


def _reference(match: regex.Match[str], replacement: str, index: int) -> tuple[str, int]:
    if replacement[index : index + 1] == "{":
        end = replacement.find("}", index)
        name = replacement[index + 1 : end]
        if end < 0 or name not in match.re.groupindex:
            raise CallFailedError
        return match.group(name) or "", end + 1
    digits = replacement[index : index + 1]
    if not (digits.isascii() and digits.isdigit()) or int(digits) > match.re.groups:
        raise CallFailedError
    group = int(digits)
    index += 1
    while replacement[index : index + 1].isdigit():
        longer = group * 10 + int(replacement[index])
        if longer > match.re.groups:
            break
        group = longer
        index += 1
    return match.group(group) or "", index
