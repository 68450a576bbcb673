"""The paths of EXTRACTJSONFIELD: `$.name`, `[0]`, `["quoted name"]`."""

from __future__ import annotations

import functools
import re

from merganser.engine.functions.json_text import Json
from merganser.engine.functions.python_function import CallFailedError

_STEP = re.compile(
    r"\.(?P<name>[\w:@]+)|\[(?P<index>-?\d+)\]|\[\"(?P<quoted>(?:[^\"\\]|\\[\"\\])*)\"\]"
)
_ESCAPED = re.compile(r"\\([\"\\])")


@functools.lru_cache(maxsize=256)
def parse_path(path: str) -> tuple[str | int, ...]:
    """The steps of a path: names and places.

    Raises:
        CallFailedError: It is none.
    """
    if not path.startswith("$"):
        raise CallFailedError
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise CallFailedError
        at = found.end()
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["name"] is not None:
            steps.append(found["name"])
        else:
            steps.append(_ESCAPED.sub(r"\1", found["quoted"]))
    return tuple(steps)


def find(value: Json, path: str) -> tuple[bool, Json]:
    """Whether there is something at a path, and what."""
    for step in parse_path(path):
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return False, None
            value = value[step]
        elif isinstance(value, dict) and str(step) in value:
            value = value[str(step)]
        else:
            if not isinstance(value, list) or not 0 <= step < len(value):
                return False, None
            value = value[step]
    return True, value
