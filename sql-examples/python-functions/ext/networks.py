"""Addresses and waiting times."""

import ipaddress
import math

from merganser import aggregate_function, scalar_function

__author__ = "The Merganser examples"
__version__ = "1.0"


@scalar_function
def network(address: str, bits: int) -> str:
    """The network that an address is in, by the bits of its mask."""
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


@scalar_function
def is_private(address: str) -> bool:
    """Whether an address is one of a private network."""
    return ipaddress.ip_address(address).is_private


@aggregate_function
class Percentile:
    """The value that a share of the values does not exceed, such as `PERCENTILE(ms, 90)`."""

    def __init__(self, share: int) -> None:
        self.share = share

    def initialise(self) -> list[int]:
        return []

    def add(self, values: list[int], value: int) -> list[int]:
        return [*values, value]

    def merge(self, older: list[int], newer: list[int]) -> list[int]:
        return older + newer

    def result(self, values: list[int]) -> int | None:
        ordered = sorted(values)
        rank = math.ceil(len(ordered) * self.share / 100)
        return ordered[max(rank, 1) - 1] if ordered else None
