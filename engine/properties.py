"""The properties that statements and requests may set: names, defaults, kinds.

Names are ksqlDB's, so that scripts and clients written for it go on working; what has no meaning
for this engine is taken and has no effect. Names of Kafka clients and of Kafka Streams may stand
with or without `ksql.streams.` in front.
Source: parity/cli-and-ops.md, server configuration; the list that a ksqlDB server shows.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from merganser.errors import PropertyError, RequestError

STREAMS_PREFIX = "ksql.streams."
HIDDEN = "[hidden]"
ALWAYS_DENIED = frozenset({"ksql.service.id", "merganser.functions.python.enabled"})
MEMORY_MAX_BYTES = "merganser.memory.max.bytes"
PULL_IN_SQL = "merganser.pull.sql.enabled"
PUSH_FROM = "merganser.push.from"
DENYLIST = "ksql.properties.overrides.denylist"

_SECRET_PARTS = ("password", "secret", "jaas", "token", "basic.auth.user.info", "ssl.key")
_OPEN_PREFIXES = ("producer.", "consumer.", "topic.", "admin.", "ksql.functions.")


class Secret(str):
    """A value that came from a file or the environment: it is shown to nobody."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)


class Kind(StrEnum):
    """What a value must be."""

    BOOLEAN = "true or false"
    NUMBER = "a whole number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Property:
    """A property that is known.

    Attributes:
        name: In full, with `ksql.streams.` where that belongs.
        default: As text; None if there is none.
        per_query: May be set for a query (SHOW PROPERTIES calls that level QUERY).
        editable: Whether clients are told that they may change it.
        allowed: The values, where they can be listed.
    """

    name: str
    default: str | None = None
    kind: Kind = Kind.TEXT
    per_query: bool = False
    editable: bool = False
    allowed: tuple[str, ...] = ()

    def check(self, value: object) -> None:
        """Raises PropertyError if the value does not fit."""
        text = str(value).strip().lower()
        wanted = ", ".join(self.allowed) if self.allowed else self.kind.value
        match self.kind:
            case Kind.BOOLEAN:
                fits = text in ("true", "false")
            case Kind.NUMBER:
                fits = text.removeprefix("-").isdigit()
            case Kind.TEXT:
                fits = not self.allowed or text in self.allowed
        if not fits:
            shown = shown_value(self.name, value)
            raise PropertyError(f'{self.name} is "{shown}", but must be {wanted}')


_BOOLEANS: dict[str, str] = {
    "enable.fips": "false",
    "ksql.client.ip_port.configuration.enabled": "false",
    "ksql.connect.basic.auth.credentials.reload": "false",
    "ksql.create.or.replace.enabled": "true",
    "ksql.endpoint.migrate.query": "true",
    "ksql.headers.columns.enabled": "true",
    "ksql.insert.into.values.enabled": "true",
    "ksql.json_sr.converter.deserializer.enabled": "true",
    "ksql.lambdas.enabled": "true",
    "ksql.new.query.planner.enabled": "false",
    "ksql.proxy.protocol.local.mode.enabled": "false",
    "ksql.pull.queries.enable": "true",
    "ksql.query.pull.consistency.token.enabled": "false",
    "ksql.query.pull.enable.standby.reads": "false",
    "ksql.query.pull.interpreter.enabled": "true",
    "ksql.query.pull.limit.clause.enabled": "true",
    "ksql.query.pull.metrics.enabled": "true",
    "ksql.query.pull.range.scan.enabled": "true",
    "ksql.query.pull.stream.enabled": "true",
    "ksql.query.push.v2.alos.enabled": "true",
    "ksql.query.push.v2.continuation.tokens.enabled": "false",
    "ksql.query.push.v2.enabled": "false",
    "ksql.query.push.v2.interpreter.enabled": "true",
    "ksql.query.push.v2.metrics.enabled": "true",
    "ksql.query.push.v2.registry.installed": "false",
    "ksql.queryanonymizer.logs_enabled": "true",
    "ksql.runtime.feature.shared.enabled": "false",
    "ksql.source.table.materialization.enabled": "true",
    "ksql.suppress.enabled": "true",
    "ksql.transient.query.cleanup.service.enable": "true",
    "ksql.udf.collect.metrics": "false",
    "ksql.udfs.enabled": "true",
    "ksql.variable.substitution.enable": "true",
    "merganser.functions.python.enabled": "false",
}

_NUMBERS: dict[str, str] = {
    "ksql.assert.schema.default.timeout.ms": "1000",
    "ksql.assert.topic.default.timeout.ms": "1000",
    "ksql.authorization.cache.expiry.time.secs": "30",
    "ksql.authorization.cache.max.entries": "10000",
    "ksql.connect.request.timeout.ms": "5000",
    "ksql.fetch.remote.hosts.max.timeout.seconds": "10",
    "ksql.internal.topic.min.insync.replicas": "1",
    "ksql.internal.topic.replicas": "1",
    "ksql.query.cleanup.shutdown.timeout.ms": "30000",
    "ksql.query.error.max.queue.size": "10",
    "ksql.query.persistent.active.limit": "2147483647",
    "ksql.query.persistent.max.bytes.buffering.total": "-1",
    "ksql.query.pull.forwarding.timeout.ms": "20000",
    "ksql.query.pull.max.concurrent.requests": "2147483647",
    "ksql.query.pull.max.hourly.bandwidth.megabytes": "2147483647",
    "ksql.query.pull.max.qps": "2147483647",
    "ksql.query.pull.router.thread.pool.size": "50",
    "ksql.query.pull.thread.pool.size": "50",
    "ksql.query.push.v2.catchup.consumer.msg.window": "50",
    "ksql.query.push.v2.latest.reset.age.ms": "30000",
    "ksql.query.push.v2.max.catchup.consumers": "5",
    "ksql.query.push.v2.max.hourly.bandwidth.megabytes": "2147483647",
    "ksql.query.push.v2.new.latest.delay.ms": "5000",
    "ksql.query.retry.backoff.initial.ms": "15000",
    "ksql.query.status.running.threshold.seconds": "300",
    "ksql.query.transient.max.bytes.buffering.total": "-1",
    "ksql.shared.runtimes.count": "2",
    "ksql.sink.window.change.log.additional.retention": "86400000",
    "ksql.suppress.buffer.size.bytes": "-1",
    "ksql.transient.query.cleanup.service.initial.delay.seconds": "600",
    "ksql.transient.query.cleanup.service.period.seconds": "600",
    "ksql.websocket.connection.max.timeout.ms": "3600000",
    "merganser.memory.max.bytes": "0",
    "merganser.pull.sql.max.concurrent": "4",
    "merganser.push.max.buffer.bytes": "4194304",
    "merganser.push.max.buffers.bytes": "268435456",
}

_INTERNAL_TOPICS = (
    "_confluent.*,__confluent.*,_schemas,__consumer_offsets,__transaction_state,"
    "connect-configs,connect-offsets,connect-status,connect-statuses"
)

_TEXTS: dict[str, str | None] = {
    "fips.mode": "fips-140-2",
    "ksql.access.validator.enable": "auto",
    "ksql.connect.basic.auth.credentials.file": "",
    "ksql.connect.basic.auth.credentials.source": "NONE",
    "ksql.connect.request.headers.plugin": None,
    "ksql.connect.url": "http://localhost:8083",
    "ksql.connect.worker.config": "",
    "ksql.deployment.type": "selfManaged",
    "ksql.error.classifier.regex": "",
    "ksql.extension.dir": "ext",
    "ksql.hidden.topics": _INTERNAL_TOPICS,
    "ksql.metastore.backup.location": "",
    "ksql.metrics.extension": None,
    "ksql.metrics.tags.custom": "",
    "ksql.output.topic.name.prefix": "",
    "ksql.persistence.default.format.key": "KAFKA",
    "ksql.persistence.default.format.value": None,
    "ksql.persistence.wrap.single.values": None,
    "ksql.persistent.prefix": "query_",
    "ksql.properties.overrides.denylist": "",
    "ksql.queryanonymizer.cluster_namespace": None,
    "ksql.readonly.topics": _INTERNAL_TOPICS,
    "ksql.resource.extension.class": None,
    "ksql.schema.registry.url": "",
    "ksql.security.extension.class": None,
    "ksql.service.id": "default_",
    "ksql.transient.prefix": "transient_",
    "metric.reporters": "",
}

_QUERY_LEVEL = (
    Property(PUSH_FROM, None, Kind.TEXT, True, True),
    Property(PULL_IN_SQL, "false", Kind.BOOLEAN, True, True),
    Property("merganser.pull.sql.max.rows", "1000000", Kind.NUMBER, True, True),
    Property("merganser.pull.sql.max.memory.bytes", "268435456", Kind.NUMBER, True, True),
    Property("merganser.pull.sql.max.time.ms", "30000", Kind.NUMBER, True, True),
    Property("ksql.cast.strings.preserve.nulls", "true", Kind.BOOLEAN, True, True),
    Property("ksql.nested.error.set.null", "true", Kind.BOOLEAN, True, True),
    Property(
        "ksql.query.pull.max.allowed.offset.lag", "9223372036854775807", Kind.NUMBER, True, True
    ),
    Property("ksql.query.pull.table.scan.enabled", "true", Kind.BOOLEAN, True, True),
    Property("ksql.query.retry.backoff.max.ms", "900000", Kind.NUMBER, True, True),
    Property("ksql.timestamp.throw.on.invalid", "false", Kind.BOOLEAN, True, True),
)

_STREAMS = (
    Property("auto.offset.reset", "latest", editable=True, allowed=("earliest", "latest")),
    Property("buffered.records.per.partition", None, Kind.NUMBER, editable=True),
    Property("cache.max.bytes.buffering", "10000000", Kind.NUMBER, editable=True),
    Property("commit.interval.ms", "2000", Kind.NUMBER, editable=True),
    Property("max.task.idle.ms", None, Kind.NUMBER, editable=True),
    Property("num.stream.threads", "4", Kind.NUMBER),
    Property(
        "processing.guarantee",
        "exactly_once_v2",
        editable=True,
        allowed=("exactly_once_v2", "at_least_once"),
    ),
    Property("replication.factor", None, Kind.NUMBER),
    Property("task.timeout.ms", None, Kind.NUMBER, editable=True),
)

_STREAMS_OTHERS = frozenset(
    """
    acceptable.recovery.lag acks application.id application.server batch.size bootstrap.servers
    buffer.memory built.in.metrics.version client.id compression.type connections.max.idle.ms
    default.api.timeout.ms default.client.supplier default.deserialization.exception.handler
    default.dsl.store default.key.serde default.production.exception.handler
    default.timestamp.extractor default.value.serde delivery.timeout.ms enable.idempotence
    errors.dead.letter.queue.topic.name
    fetch.max.bytes fetch.max.wait.ms fetch.min.bytes group.instance.id heartbeat.interval.ms
    interceptor.classes isolation.level linger.ms log.summary.interval.ms max.block.ms
    max.partition.fetch.bytes max.poll.interval.ms max.poll.records max.request.size
    max.warmup.replicas metadata.max.age.ms metadata.recovery.strategy metric.reporters
    metrics.num.samples metrics.recording.level metrics.sample.window.ms num.standby.replicas
    partitioner.class poll.ms probing.rebalance.interval.ms rack.aware.assignment.strategy
    receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms repartition.purge.interval.ms
    request.timeout.ms retries retry.backoff.ms rocksdb.config.setter sasl.jaas.config
    sasl.mechanism security.protocol send.buffer.bytes session.timeout.ms shutdown.timeout.ms
    ssl.endpoint.identification.algorithm ssl.key.password ssl.keystore.location
    ssl.keystore.password ssl.keystore.type ssl.truststore.location ssl.truststore.password
    ssl.truststore.type state.cleanup.delay.ms state.dir statestore.cache.max.bytes
    topology.optimization transaction.timeout.ms transactional.id upgrade.from window.size.ms
    windowed.inner.class.serde windowstore.changelog.additional.retention.ms
    """.split()  # noqa: SIM905 (a hundred names read better as words)
)


def _table() -> dict[str, Property]:
    found = {name: Property(name, value, Kind.BOOLEAN) for name, value in _BOOLEANS.items()}
    found |= {name: Property(name, value, Kind.NUMBER) for name, value in _NUMBERS.items()}
    found |= {name: Property(name, value) for name, value in _TEXTS.items()}
    found |= {entry.name: entry for entry in _QUERY_LEVEL}
    for entry in _STREAMS:
        name = STREAMS_PREFIX + entry.name
        found[name] = Property(
            name, entry.default, entry.kind, entry.per_query, entry.editable, entry.allowed
        )
    return dict(sorted(found.items()))


PROPERTIES: Mapping[str, Property] = _table()
"""The properties that SHOW PROPERTIES lists, by full name."""


def find_property(name: str) -> Property | None:
    """The property of that name, `ksql.streams.` left out or not; None if it is unknown."""
    bare = name.removeprefix(STREAMS_PREFIX)
    if (entry := PROPERTIES.get(name) or PROPERTIES.get(STREAMS_PREFIX + bare)) is not None:
        return entry
    if bare in _STREAMS_OTHERS or bare.startswith(_OPEN_PREFIXES):
        return Property(STREAMS_PREFIX + bare, editable=True)
    if name.startswith(_OPEN_PREFIXES):
        return Property(name, editable=True)
    return None


def check_property(name: str, value: object = None) -> None:
    """Checks what SET gives; a value of None is not looked at.

    Raises:
        PropertyError: The name is unknown, or the value does not fit.
    """
    entry = find_property(name)
    if entry is None:
        known = [*PROPERTIES, *(full.removeprefix(STREAMS_PREFIX) for full in PROPERTIES)]
        near = difflib.get_close_matches(name.lower(), known, n=1)
        raise PropertyError(
            f'property "{name}" does not exist',
            hint=f"Did you mean {near[0]}?" if near else None,
        )
    if value is not None:
        entry.check(value)


def check_allowed(name: str, defaults: Mapping[str, str]) -> None:
    """Checks that the server lets clients set a property. Unknown names are allowed here.

    Raises:
        RequestError: It is denied.
    """
    listed = defaults.get(DENYLIST, "")
    if name in ALWAYS_DENIED or name in {part.strip() for part in listed.split(",")}:
        raise RequestError(f"property {name} cannot be set by clients of this server")


def is_secret(name: str, value: object) -> bool:
    """Whether a property's value may not be shown, by its name or by where it came from."""
    return isinstance(value, Secret) or any(part in name.lower() for part in _SECRET_PARTS)


def shown_value(name: str, value: object) -> str | None:
    """A value as it may be shown: secrets are not."""
    if value is None:
        return None
    if is_secret(name, value) and str(value):
        return HIDDEN
    return str(value)
