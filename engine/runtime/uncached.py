"""Epochs of one record: a query that runs uncached shows every update of a key.

Larger epochs merge what happens to a key in them, as ksqlDB's cache does between two commits.
`cache.max.bytes.buffering` of 0 switches both off. It costs an epoch a record, which is right where
each step has to be seen and wrong where there are many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from merganser.engine.log.protocol import TopicBatch, TopicPartition
from merganser.engine.runtime.epoch import ordered_inputs
from merganser.engine.runtime.intake import Fetched


def one_by_one(fetched: Fetched) -> Iterator[Fetched]:
    """The records of an epoch as epochs of their own, in the order that they would have in it.

    Positions behind the last records, where a log has gaps, belong to the last epoch.
    """
    inputs = ordered_inputs(fetched.batches)
    places = sorted(
        (seq, topic, index)
        for topic, table in inputs.items()
        for index, seq in enumerate(table.column("seq").to_pylist())
    )
    at = {place: start for place, (start, _) in fetched.ranges.items()}
    for count, (_, topic, index) in enumerate(places, start=1):
        record = inputs[topic].slice(index, 1).drop_columns("seq")
        place = TopicPartition(topic, record.column("partition")[0].as_py())
        end = record.column("offset")[0].as_py() + 1
        ranges = {place: (at[place], end)}
        at[place] = end
        if count == len(places):
            for other, (_, last) in fetched.ranges.items():
                start = ranges.get(other, (at[other], 0))[0]
                if start != last:
                    ranges[other] = (start, last)
        yield replace(fetched, batches=[TopicBatch(topic, record)], ranges=ranges)
