"""The clients' own log lines: said once, not for each connection that they try."""

from __future__ import annotations

import logging

import pytest

from merganser.engine.log.kafka_client import LOGGER


def test_repeated_lines_of_a_client_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOGGER.name):
        for port in range(20):
            LOGGER.error("FAIL [rdkafka#consumer-901] [thrd:x]: 127.0.0.1:%d refused", port)
        LOGGER.error("FAIL [rdkafka#consumer-902] [thrd:x]: refused")
        LOGGER.error("TXNERR [rdkafka#consumer-901] [thrd:x]: fenced")
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == [
        "FAIL",
        "FAIL",
        "TXNERR",
    ]
