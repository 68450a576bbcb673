"""Generated expressions against an evaluator of its own, row by row, in plain Python.

The evaluator knows the language from its description alone and imports no rule of the engine, so
that a mistake has to be made twice to go unseen. Run `python -m tests.expressions.fuzz --count N`.
"""
