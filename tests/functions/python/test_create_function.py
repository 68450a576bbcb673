"""CREATE FUNCTION and DROP FUNCTION: allowed by the server only, durable, refused while in use."""

from __future__ import annotations

import pytest

from merganser.engine.answer import Answer
from merganser.engine.engine import StatementFailure
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.statements.current_status import CurrentStatus, WarningEntity
from merganser.engine.statements.list_functions import FunctionNames
from merganser.errors import (
    InUseError,
    NameTakenError,
    RequestError,
    UnknownNameError,
    UnsupportedError,
    UserError,
)
from merganser.parser import ast
from merganser.parser.build import parse_statement
from tests.functions.python.running import engine_with, failures, feed, output, run, stream

ENABLED = {"merganser.functions.python.enabled": "true"}

GCD = """CREATE FUNCTION common_divisor(a BIGINT, b BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
    # The largest number that divides both.
    import math
    if a < 0:
        raise ValueError("negative; 'a'")
    return math.gcd(a, b)
$$;"""


def refused(answers: object) -> UserError:
    """The error behind a failed statement."""
    assert isinstance(answers, StatementFailure)
    assert isinstance(answers.error, UserError)
    return answers.error


def names(answers: list[Answer]) -> set[str]:
    """The names of SHOW FUNCTIONS."""
    (answer,) = answers
    assert isinstance(answer, FunctionNames)
    return {function.name for function in answer.functions}


def test_function_is_called_in_the_same_script_and_after_a_restart() -> None:
    log = EmbeddedLog()
    with engine_with(log=log, properties=ENABLED) as engine:
        answers = engine.execute(
            GCD
            + stream("a INT, b BIGINT")
            + "CREATE STREAM out AS SELECT k, common_divisor(a, b) AS d FROM s;"
        )
        assert isinstance(answers[0], CurrentStatus)
        assert answers[0].message == "Created function COMMON_DIVISOR"
        feed(engine, {"A": 12, "B": 18}, {"A": -1, "B": 1})
        run(engine)
    with engine_with(log=log, properties=ENABLED) as engine:
        feed(engine, {"A": 7, "B": 21})
        run(engine)
        assert output(engine) == [{"D": 6}, {"D": None}, {"D": 7}]
        ((message, offset, cause),) = failures(engine)
        assert (offset, cause[0]) == (1, "ValueError: negative; 'a'")
        assert message.startswith("cannot evaluate COMMON_DIVISOR(")
        assert "COMMON_DIVISOR" in names(engine.execute("SHOW FUNCTIONS;"))


def test_server_must_allow_it() -> None:
    with engine_with() as engine:
        with pytest.raises(StatementFailure) as caught:
            engine.execute(GCD)
        assert isinstance(refused(caught.value), UnsupportedError)
        assert "merganser.functions.python.enabled" in str(caught.value)
        with pytest.raises(RequestError, match="cannot be set by clients"):
            engine.execute(GCD, properties=ENABLED)
        for setting in ("SET 'merganser.functions.python.enabled'='true';", ""):
            with pytest.raises(StatementFailure):
                engine.execute(setting + GCD)


def test_server_that_allows_it_no_more_does_not_run_what_was_made() -> None:
    log = EmbeddedLog()
    with engine_with(log=log, properties=ENABLED) as engine:
        engine.execute(GCD + stream("a BIGINT"))
    with engine_with(log=log) as engine:
        assert "COMMON_DIVISOR" in names(engine.execute("SHOW FUNCTIONS;"))
        with pytest.raises(StatementFailure) as caught:
            engine.execute("CREATE STREAM out AS SELECT k, common_divisor(a, a) AS d FROM s;")
        assert isinstance(refused(caught.value), UnsupportedError)


def test_failed_script_leaves_no_function() -> None:
    with engine_with(properties=ENABLED) as engine:
        with pytest.raises(StatementFailure):
            engine.execute(GCD + "CREATE STREAM out AS SELECT * FROM nowhere;")
        assert "COMMON_DIVISOR" not in names(engine.execute("SHOW FUNCTIONS;"))
        engine.execute(GCD)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (GCD.replace("return math", "retrun math"), r"is no Python: .* in line 5 of the body"),
        (GCD.replace("PYTHON", "JAVA"), "functions are written in PYTHON, not in JAVA"),
        (GCD.replace("common_divisor", "len"), "function LEN already exists"),
        (GCD.replace("a BIGINT", "`a b` BIGINT"), '"a b" cannot be the name of an argument'),
        (GCD.replace("a BIGINT", "a NOTYPE"), "cannot resolve unknown type"),
    ],
)
def test_wrong_definition_is_refused(statement: str, message: str) -> None:
    with (
        engine_with(properties=ENABLED) as engine,
        pytest.raises(StatementFailure, match=message),
    ):
        engine.execute(statement)


def test_drop_is_refused_while_a_query_calls_it() -> None:
    with engine_with(properties=ENABLED) as engine:
        query = "CREATE STREAM out AS SELECT k, a FROM s WHERE common_divisor(a, 2) > 1;"
        engine.execute(GCD + stream("a BIGINT") + query)
        with pytest.raises(StatementFailure) as caught:
            engine.execute("DROP FUNCTION common_divisor;")
        assert isinstance(refused(caught.value), InUseError)
        assert "CSAS_OUT_2" in str(caught.value)
        engine.execute("DROP STREAM out; DROP FUNCTION common_divisor;")
        assert "COMMON_DIVISOR" not in names(engine.execute("SHOW FUNCTIONS;"))
        changed = GCD.replace("math.gcd(a, b)", "a + b")
        engine.execute(changed + query.replace("k, a FROM", "k, common_divisor(a, 2) AS d FROM"))
        feed(engine, {"A": 40})
        run(engine)
        assert output(engine) == [{"D": 42}]


def test_names_that_are_there_or_not() -> None:
    with engine_with(properties=ENABLED) as engine:
        engine.execute(GCD)
        with pytest.raises(StatementFailure) as caught:
            engine.execute(GCD)
        assert isinstance(refused(caught.value), NameTakenError)
        again = GCD.replace("FUNCTION", "FUNCTION IF NOT EXISTS")
        assert isinstance(engine.execute(again)[0], WarningEntity)
        for name in ("nothing", "len"):
            with pytest.raises(StatementFailure) as caught:
                engine.execute(f"DROP FUNCTION {name};")
            assert isinstance(refused(caught.value), UnknownNameError)
        assert isinstance(engine.execute("DROP FUNCTION IF EXISTS nothing;")[0], WarningEntity)


def test_statement_reads_back_as_it_was_written() -> None:
    statement = parse_statement(GCD)
    assert isinstance(statement, ast.CreateFunction)
    assert [argument.name for argument in statement.arguments] == ["a", "b"]
    assert parse_statement(statement.sql()) == statement
    assert "raise ValueError(\"negative; 'a'\")" in statement.body
