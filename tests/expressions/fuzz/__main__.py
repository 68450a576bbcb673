"""`python -m tests.expressions.fuzz`: generated expressions against the evaluator in Python."""

from __future__ import annotations

import argparse
import itertools
import sys
import time

from tests.expressions.fuzz.check import differences


def main() -> int:
    """Prints what differs; 0 if nothing does."""
    parser = argparse.ArgumentParser(prog="python -m tests.expressions.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="expressions")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--shown", type=int, default=20, help="differences printed at most")
    options = parser.parse_args()
    print(f"seed {options.seed}")  # noqa: T201 - a command prints
    started = time.monotonic()
    found = list(itertools.islice(differences(options.seed, options.count), options.shown))
    for each in found:
        print(each)  # noqa: T201
    seconds = time.monotonic() - started
    what = f"{len(found)} differ" if found else f"{options.count} expressions, none differs"
    print(f"{what}; {seconds:.0f} s")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
