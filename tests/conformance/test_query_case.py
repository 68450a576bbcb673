"""The runner of query cases, on an engine that can be told to go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conformance.cases import Case, CaseKind, CaseRecord, CaseTopic, Json, record_of
from tests.conformance.door import EngineDoor, Setting
from tests.conformance.failure import CaseFailure, Stage
from tests.conformance.fake_engine import FakeEngine, fake_factory
from tests.conformance.modes import AVAILABLE, Mode
from tests.conformance.query_case import run_query_case

CREATE = "CREATE STREAM S (K STRING KEY, N BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
COUNT = "CREATE TABLE T AS SELECT K, COUNT(*) AS N FROM S GROUP BY K;"
OK_POST: dict[str, Json] = {
    "sources": [{"name": "T", "type": "TABLE", "schema": "K STRING PRIMARY KEY, N BIGINT"}],
    "topics": {"blacklist": ".*-repartition", "topics": [{"name": "T"}]},
}


def records(topic: str, *rows: tuple[str, Json]) -> tuple[CaseRecord, ...]:
    return tuple(record_of({"topic": topic, "key": key, "value": value}) for key, value in rows)


INPUTS = records("s", ("a", {"N": 1}), ("b", {"N": 1}), ("a", {"N": 1}), ("a", {"N": 1}))
OUTPUTS = records("T", ("a", {"N": 1}), ("b", {"N": 1}), ("a", {"N": 2}), ("a", {"N": 3}))


def case(
    *statements: str,
    inputs: tuple[CaseRecord, ...] = (),
    outputs: tuple[CaseRecord, ...] = (),
    post: Mapping[str, Json] | None = None,
    error: Mapping[str, Json] | None = None,
    properties: Mapping[str, Json] | None = None,
) -> Case:
    return Case(
        "folder/file.json#name",
        "corpus",
        "theme",
        CaseKind.QUERY,
        statements or (CREATE, COUNT),
        properties or {},
        (),
        inputs,
        outputs,
        post or {},
        error,
    )


def failure(failing: Case, mode: Mode = Mode.RECORD, **faults: int) -> CaseFailure:
    with pytest.raises(CaseFailure) as caught:
        run_query_case(failing, mode, fake_factory([], **faults))  # type: ignore[arg-type]  # bool is an int
    return caught.value


@pytest.mark.parametrize("mode", AVAILABLE)
def test_a_good_engine_passes_in_every_mode(mode: Mode) -> None:
    made: list[FakeEngine] = []
    run_query_case(case(inputs=INPUTS, outputs=OUTPUTS, post=OK_POST), mode, fake_factory(made))
    assert made[0].closed
    assert made[0].task.epoch == (1 if mode is Mode.EPOCH else len(INPUTS))


@pytest.mark.parametrize("mode", AVAILABLE)
def test_wrong_values_are_caught_in_every_mode(mode: Mode) -> None:
    found = failure(case(inputs=INPUTS, outputs=OUTPUTS), mode, wrong=1)
    assert found.stage is Stage.OUTPUTS
    assert "value.N" in found.reason


def test_a_restart_that_loses_state_is_caught() -> None:
    good = case(inputs=INPUTS, outputs=OUTPUTS)
    run_query_case(good, Mode.RECORD, fake_factory([], forgetful=True))
    assert failure(good, Mode.RESTART, forgetful=True).stage is Stage.OUTPUTS


@pytest.mark.parametrize(
    "outputs", [OUTPUTS[:-1], (*OUTPUTS, OUTPUTS[-1]), (*OUTPUTS[1:], OUTPUTS[0])]
)
def test_missing_surplus_and_misplaced_records_are_caught(
    outputs: tuple[CaseRecord, ...],
) -> None:
    assert failure(case(inputs=INPUTS, outputs=outputs)).stage is Stage.OUTPUTS


def test_a_missing_key_is_caught_in_one_epoch() -> None:
    more = (*OUTPUTS, *records("T", ("c", {"N": 1})))
    assert "no row for key" in failure(case(inputs=INPUTS, outputs=more), Mode.EPOCH).reason
    less = records("T", ("a", {"N": 3}))
    assert failure(case(inputs=INPUTS, outputs=less), Mode.EPOCH).stage is Stage.OUTPUTS


def test_topics_that_no_output_names_are_not_compared() -> None:
    run_query_case(case(inputs=INPUTS), Mode.RECORD, fake_factory([], wrong=1))


# ------------------------------------------------------------------ statements


def test_properties_go_with_every_statement_but_not_the_runners_own() -> None:
    made: list[FakeEngine] = []
    properties: dict[str, Json] = {"ksql.x": "1", "use.exact.numeric.comparison": False}
    run_query_case(case(properties=properties), Mode.RECORD, fake_factory(made))
    assert made[0].seen == [(CREATE, {"ksql.x": "1"}), (COUNT, {"ksql.x": "1"})]


def test_a_refused_statement_fails_the_case() -> None:
    found = failure(case(CREATE, "BAD;"))
    assert (found.stage, found.reason) == (
        Stage.REJECTED,
        "UnknownNameError: stream `BAD` does not exist",
    )


def test_an_error_case_wants_its_last_statement_refused() -> None:
    refusal = run_query_case(case(CREATE, "BAD;", error={}), Mode.RECORD, fake_factory([]))
    assert refusal == "UnknownNameError: stream `BAD` does not exist"
    assert failure(case(CREATE, COUNT, error={})).stage is Stage.ACCEPTED
    assert failure(case("BAD;", COUNT, error={})).stage is Stage.REJECTED


@pytest.mark.parametrize("statement", ["BUG;", "EXPLODE;"])
@pytest.mark.parametrize("error", [None, {}])
def test_a_bug_is_no_refusal(statement: str, error: Mapping[str, Json] | None) -> None:
    found = failure(case(CREATE, statement, error=error))
    assert found.stage is Stage.INTERNAL
    assert "Traceback" in found.detail


def test_an_error_case_with_inputs_wants_a_query_to_fail() -> None:
    bad = records("s", ("a", {"N": 1}), ("a", {"N": "fail"}))
    run_query_case(case(inputs=bad, error={}), Mode.RECORD, fake_factory([]))
    assert failure(case(inputs=INPUTS, error={})).stage is Stage.ACCEPTED
    assert failure(case(inputs=bad, outputs=OUTPUTS)).stage is Stage.RUNNING
    bug = records("s", ("a", {"N": "bug"}))
    assert failure(case(inputs=bug, error={})).stage is Stage.INTERNAL


# ------------------------------------------------------------------ topics


def test_topics_are_prepared_with_the_partitions_that_the_planner_sees() -> None:
    made: list[FakeEngine] = []
    wide = "CREATE TABLE W (K STRING PRIMARY KEY) WITH (KAFKA_TOPIC='w', PARTITIONS=7);"
    prepared = Case(
        "f/f.json#n",
        "c",
        "t",
        CaseKind.QUERY,
        (CREATE, wide, "CREATE STREAM X WITH (KAFKA_TOPIC='x');"),
        topics=(CaseTopic("s"), CaseTopic("other", 3)),
        inputs=(),
        outputs=(),
    )
    run_query_case(prepared, Mode.RECORD, fake_factory(made))
    counts = {topic.name: topic.partition_count for topic in made[0].log.topics()}
    assert counts == {"s": 1, "other": 3, "w": 7, "T": 4}


def test_inputs_need_a_source_on_their_topic() -> None:
    found = failure(case(inputs=records("nowhere", ("a", None))))
    assert "no source lies on topic" in found.reason


def test_snapshot_mode_gives_the_engine_a_folder() -> None:
    folders: list[Path | None] = []
    make = fake_factory([])

    def noting(setting: Setting) -> EngineDoor:
        folders.append(setting.data_dir)
        return make(setting)

    for mode in (Mode.RECORD, Mode.SNAPSHOT):
        run_query_case(case(), mode, noting)
    assert folders[0] is None
    assert folders[1] is not None


# ------------------------------------------------------------------ what must hold afterwards


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        ({"sources": [{"name": "t", "type": "table"}]}, "does not exist"),
        ({"sources": [{"name": "T", "type": "stream"}]}, "it is a table"),
        ({"sources": [{"name": "T", "type": "table", "isSource": True}]}, "read-only is False"),
        ({"sources": [{"name": "T", "type": "table", "schema": "K STRING KEY"}]}, "2 columns"),
        (
            {"sources": [{"name": "T", "type": "table", "schema": "N BIGINT, K STRING KEY"}]},
            "column is `K`",
        ),
        (
            {"sources": [{"name": "T", "type": "table", "schema": "K STRING, N BIGINT"}]},
            "STRING KEY, expected `K` STRING VALUE",
        ),
        (
            {"sources": [{"name": "T", "type": "table", "schema": "K INT KEY, N BIGINT"}]},
            "expected `K` INTEGER KEY",
        ),
        (
            {"sources": [{"name": "T", "type": "table", "keyFormat": {"format": "JSON"}}]},
            "key format is KAFKA",
        ),
        (
            {
                "sources": [
                    {
                        "name": "T",
                        "type": "table",
                        "keyFormat": {"format": "KAFKA", "windowType": "SESSION"},
                    }
                ]
            },
            "window type is None",
        ),
        (
            {"sources": [{"name": "T", "type": "table", "valueFormat": "AVRO"}]},
            "value format is JSON",
        ),
        (
            {"sources": [{"name": "T", "type": "table", "valueFeatures": ["WRAP_SINGLES"]}]},
            "value features",
        ),
        ({"topics": {"blacklist": "^T$"}}, "must not exist"),
        ({"topics": {"topics": [{"name": "U"}]}}, "does not exist"),
        (
            {"topics": {"topics": [{"name": "T", "keyFormat": {"format": "AVRO"}}]}},
            "key format of a topic",
        ),
    ],
)
def test_what_must_hold_afterwards(post: dict[str, Json], reason: str) -> None:
    found = failure(case(post=post))
    assert found.stage is Stage.POST
    assert reason in found.reason


def test_internal_topics_of_kafka_streams_are_not_looked_for() -> None:
    name = "_confluent-ksql-some.ksql.service.idquery_CSAS_O_0-Join-left-repartition"
    post: dict[str, Json] = {"topics": {"topics": [{"name": name}]}}
    run_query_case(case(post=post), Mode.RECORD, fake_factory([]))
