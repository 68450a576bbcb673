"""The codec of each format. Add a format: one entry here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from tests.conformance.cases import Case
from tests.conformance.codecs.avro import AvroCodec
from tests.conformance.codecs.codec import Codec
from tests.conformance.codecs.json_sr import JsonSrCodec
from tests.conformance.codecs.json_text import JsonCodec
from tests.conformance.codecs.plain import DelimitedCodec, KafkaCodec, NoneCodec
from tests.conformance.codecs.protobuf import ProtobufCodec, ProtobufNoSrCodec
from tests.conformance.failure import CaseFailure, Stage

CODECS: dict[str, Codec] = {
    "AVRO": AvroCodec(),
    "DELIMITED": DelimitedCodec(),
    "JSON": JsonCodec(),
    "JSON_SR": JsonSrCodec(),
    "KAFKA": KafkaCodec(),
    "NONE": NoneCodec(),
    "PROTOBUF": ProtobufCodec(),
    "PROTOBUF_NOSR": ProtobufNoSrCodec(),
}

REGISTRY_FORMATS = frozenset({"AVRO", "JSON_SR", "PROTOBUF"})
"""Formats with a schema in the registry."""

KNOWN_FORMATS = REGISTRY_FORMATS | {"PROTOBUF_NOSR"} | CODECS.keys()
"""What a case may name; any other name stands in a case that must fail for it."""

_FORMAT = re.compile(r"\b(?:KEY_|VALUE_)?FORMAT\s*=\s*'(\w+)'", re.IGNORECASE)


def codec(name: str) -> Codec:
    """The codec of a format.

    Raises:
        CaseFailure: The runner has none yet.
    """
    found = CODECS.get(name.upper())
    if found is None:
        raise CaseFailure(Stage.UNSUPPORTED, f"format {name.upper()}")
    return found


def check_formats(case: Case) -> None:
    """Refuses a case that names a known format which the runner cannot write or read.

    Error cases too: a product that rejects whatever it does not know would pass them for nothing.

    Raises:
        CaseFailure: At the first such format.
    """
    for name in _formats_of(case):
        if name in KNOWN_FORMATS:
            codec(name)


def _formats_of(case: Case) -> Iterable[str]:
    for statement in case.statements:
        yield from (name.upper() for name in _FORMAT.findall(statement))
    for key, value in case.properties.items():
        if key.startswith("ksql.persistence.default.format."):
            yield str(value).upper()
    for topic in case.topics:
        for side in ("key", "value"):
            if topic.entry.get(f"{side}Schema"):
                yield cast("str", topic.entry.get(f"{side}Format", "AVRO")).upper()
