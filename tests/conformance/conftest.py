"""Worker processes import the tests by name, so the repository must be on their path."""

from __future__ import annotations

import sys

from tests.conformance.passing import REPOSITORY

if str(REPOSITORY) not in sys.path:
    sys.path.append(str(REPOSITORY))
