"""A second engine, slow and obvious, to test the first one against.

Plain Python, one record at a time, written from the rules alone; it imports no operator of the
engine. What it gives is the full changelog of a query, as one epoch a record would give it.
"""
