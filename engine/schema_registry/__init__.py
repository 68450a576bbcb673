"""Schemas that records are written with: the registry's protocol, in memory and Confluent's."""
