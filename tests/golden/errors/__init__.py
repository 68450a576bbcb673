"""Statements that are refused, and how."""
