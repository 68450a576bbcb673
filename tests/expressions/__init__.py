"""Tests of binding and evaluating expressions."""
