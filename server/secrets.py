"""Values of settings that stand elsewhere: `${env:NAME}` and `${file:/path}`.

So passwords are not in configuration files or command lines. What was put in is kept as a `Secret`,
which shows itself to nobody by `repr`, and SHOW PROPERTIES hides it whatever its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from merganser.engine.properties import Secret
from merganser.errors import PropertyError

SECRET_BYTES_MAX = 64 * 1024

_REFERENCE = re.compile(r"\$\{(env|file):([^}]*)\}")


def with_secrets(name: str, text: str, environment: Mapping[str, str]) -> str:
    """A value with what it refers to put in.

    Raises:
        PropertyError: The variable or the file is not there. The message has no value in it.
    """

    def found(match: re.Match[str]) -> str:
        kind, place = match[1], match[2].strip()
        if kind == "env":
            if place not in environment:
                raise PropertyError(f"{name} takes its value from ${place}, which is not set")
            return environment[place]
        try:
            with Path(place).expanduser().open(encoding="utf-8") as file:
                return file.read(SECRET_BYTES_MAX).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise PropertyError(f"{name} takes its value from {place}: {why}") from error

    return Secret(_REFERENCE.sub(found, text)) if _REFERENCE.search(text) else text
