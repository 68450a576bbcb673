"""The demo: a day of real flights replayed into a windowed aggregation.

The folder `quickstart` is a link to the example of that name, so that the demo and the example
cannot drift apart.
"""
