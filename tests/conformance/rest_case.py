"""Runs a REST case over real HTTP, against a server in this process.

1. The statements that are no SELECT go together in one POST /ksql.
2. Inputs are produced topic by topic; with `waitForActivePushQuery` only once the one query runs.
3. All persistent queries must have committed up to the end of their topics.
4. Each SELECT is its own POST /query, read to its end; then, for `queryProto`, /query-stream.
5. `outputs` are compared by topic, `responses` entry by entry.
"""

from __future__ import annotations

from tests.conformance.cases import Case
from tests.conformance.failure import CaseFailure, Stage


def run_rest_case(case: Case) -> None:
    """Runs a REST case.

    Raises:
        CaseFailure: The case does not pass.
    """
    raise CaseFailure(Stage.UNSUPPORTED, f"{case.kind} cases")
