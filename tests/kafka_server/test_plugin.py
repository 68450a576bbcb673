"""The broker for tests: skipped where it cannot run, and never silently under CI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kafka_server import plugin, process
from tests.kafka_server.jars import ServerToolError


def test_machine_without_java_skips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "missing_programs", lambda: ["java", "mvn"])
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="java and mvn"):
        plugin.start_or_skip(tmp_path)


def test_ci_without_java_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "missing_programs", lambda: ["mvn"])
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="mvn"):
        plugin.start_or_skip(tmp_path)


def test_broker_that_does_not_start_gives_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(data: Path) -> str:
        raise ServerToolError(f"no room in {data.name}")

    monkeypatch.setattr(plugin, "missing_programs", list)
    monkeypatch.setattr("tests.kafka_server.servers.start_kafka", refuse)
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no room"):
        plugin.start_or_skip(tmp_path)


def test_last_user_is_known(tmp_path: Path) -> None:
    changes = [1, 1, -1, 1, -1, -1]
    assert [plugin._count_users(tmp_path, change) for change in changes] == [1, 2, 1, 2, 1, 0]


def test_process_of_another_folder_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Process ids are used again: an id in the state file proves nothing."""
    (tmp_path / "state.json").write_text(json.dumps({"kafka": {"pid": 1, "port": 9092}}))
    assert process.running(tmp_path, "kafka") is None
    process.stop(tmp_path, "kafka")
    assert json.loads((tmp_path / "state.json").read_text()) == {}


def test_tests_that_use_the_broker_are_marked(request: pytest.FixtureRequest) -> None:
    marked = [
        item
        for item in request.session.items
        if "kafka" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("kafka")
    ]
    assert marked == []
