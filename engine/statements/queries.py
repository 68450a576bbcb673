"""Starting persistent queries: what CREATE … AS SELECT and INSERT INTO share."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.catalog import Source
from merganser.engine.execution import dead_letters
from merganser.engine.plan.nodes import PlanNode
from merganser.engine.plan.sink import PlannedSink
from merganser.engine.runtime import processing_log
from merganser.engine.runtime.task import QuerySpec
from merganser.engine.statements.handlers import Session
from merganser.errors import RequestError, UserError

GUARANTEE = "processing.guarantee"
QUERIES_MAX = "ksql.query.persistent.active.limit"


def spec_of(
    session: Session,
    query_id: str,
    statement: str,
    plan: PlanNode,
    sources: Sequence[Source],
    sink: Source | None,
) -> QuerySpec:
    """What the task of a query runs, by the properties in force.

    Raises:
        UserError: A property is wrong, or there are as many queries as the server allows.
    """
    most = session.defaults.get(QUERIES_MAX)
    if most is not None and len(session.catalog.queries) > int(most):
        raise RequestError(
            f"no more than {most} persistent queries may run on this server",
            hint=f"Terminate one, or raise {QUERIES_MAX}.",
        )
    guarantee = str(session.setting(GUARANTEE) or "exactly_once_v2")
    if guarantee not in ("exactly_once_v2", "at_least_once"):
        raise UserError(
            f"processing.guarantee must be exactly_once_v2 or at_least_once, not {guarantee}"
        )
    reset = str(session.setting("auto.offset.reset") or "latest").lower()
    logs = session.setting("ksql.logging.processing.topic.auto.create")
    return QuerySpec(
        query_id,
        statement,
        plan,
        tuple(sources),
        sink,
        f"_confluent-ksql-{session.service_id}query_{query_id}",
        from_earliest=reset == "earliest",
        exactly_once=guarantee == "exactly_once_v2",
        processing_records=_is_true(session.setting(processing_log.ROWS_PROPERTY)),
        dead_letter_topic=_dead_letter_topic(session, sources, sink),
        processing_topic=processing_log.topic_name(session.service_id) if _is_true(logs) else None,
        properties=dict(session.properties),
        uncached=str(session.setting("cache.max.bytes.buffering")).strip() == "0",
    )


def _is_true(setting: object) -> bool:
    return str(setting).lower() == "true"


def _dead_letter_topic(
    session: Session, sources: Sequence[Source], sink: Source | None
) -> str | None:
    """Where records go that the query cannot use; the topic is made if it is not there.

    Raises:
        UserError: The query reads or writes that topic.
    """
    name = str(session.setting(dead_letters.TOPIC_PROPERTY) or "")
    if not name:
        return None
    if name in {source.topic for source in (*sources, *([sink] if sink else []))}:
        raise UserError(
            f"topic {name} cannot take the records that the query cannot use, which is one of its "
            "own",
            hint=f"Set {dead_letters.TOPIC_PROPERTY} to another topic.",
        )
    if session.doing.topic(name) is None:
        session.doing.create_topic(name, 1, 1, {})
    return name


def make_sink_topic(planned: PlannedSink, session: Session) -> None:
    """Makes the sink's topic, or checks the one that is there.

    Raises:
        UserError: It has another number of partitions than the statement asks for.
    """
    sink = planned.plan.sink
    existing = session.doing.topic(sink.topic)
    if existing is not None:
        if existing.partition_count != planned.partition_count and planned.partitions_given:
            raise UserError(
                f"topic {sink.topic} has {existing.partition_count} partitions, the statement "
                f"says {planned.partition_count}"
            )
        return
    config = {"cleanup.policy": "delete"}
    if sink.is_table:
        config["cleanup.policy"] = "compact,delete" if sink.window else "compact"
    retention = max(planned.retention_ms or 0, planned.window_retention_ms or 0)
    if retention > 0 and (sink.window is not None or not sink.is_table):
        config["retention.ms"] = str(retention)
    session.doing.create_topic(sink.topic, planned.partition_count, planned.replica_count, config)
