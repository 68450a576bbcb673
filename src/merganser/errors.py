"""Every error that Merganser raises, by whose blame it is.

::

    MerganserError(message, *, detail=None, hint=None, span=None)
    ├─ UserError       the statement or request is wrong   → 4xx, never retried
    │    SqlSyntaxError  UnknownNameError  NameTakenError  TypeMismatchError
    │    KeyRuleError  UnsupportedError  InUseError  PropertyError  AssertionFailedError
    ├─ RecordError     one record cannot be used           → processing log, the query goes on
    │    DecodeError  EncodeError  EvaluationError
    ├─ ExternalError   Kafka, registry, disk; `retryable`  → back off and retry, then ERROR
    │    LogError  FencedError  RegistryError  StateFileError  CorruptFileError
    ├─ UnavailableError  the server cannot answer now      → 503, ask again later
    │    CommandTimeoutError  StartingError  StoppingError
    └─ InternalError   an invariant of ours is broken      → 500, the query stops in ERROR

A code is HTTP status × 100 + n, as ksqlDB numbers them (parity: rest-api.md, errors).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of SQL text: 1-based line and column of its first character, and its length."""

    line: int
    column: int
    length: int = 1


class MerganserError(Exception):
    """Base of all errors. `message` is a fact; `detail` and `hint` are sentences.

    Attributes:
        message: What was found and what is allowed, lower case, without a full stop.
        detail: More facts, as a sentence.
        hint: What to do, as a sentence.
        span: Where in the statement, if a statement is to blame.
    """

    code: ClassVar[int] = 50000

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        span: Span | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.span = span

    def __str__(self) -> str:
        """The message, with position in front and detail and hint behind."""
        place = f"line {self.span.line}:{self.span.column}: " if self.span else ""
        parts = [place + self.message, self.detail, f"Hint: {self.hint}" if self.hint else None]
        return "\n".join(part for part in parts if part)

    @property
    def http_status(self) -> int:
        """The HTTP status that the code stands for."""
        return self.code // 100


class UserError(MerganserError):
    """The statement or the request is wrong. Never retried."""

    code = 40001


class SqlSyntaxError(UserError):
    """The text is no statement of the language."""


class UnknownNameError(UserError):
    """A source, column, function, type, query or topic of that name does not exist."""


class UnknownColumnError(UnknownNameError):
    """The sources of a query have no such column."""


class NameTakenError(UserError):
    """The name is in use."""


class TypeMismatchError(UserError):
    """An expression has another type than its place allows."""


class KeyRuleError(UserError):
    """A rule about key columns is broken."""


class UnsupportedError(UserError):
    """The language has it, this build cannot run it."""


class InUseError(UserError):
    """Something else depends on the thing that was to be dropped or changed."""


class PropertyError(UserError):
    """A property is unknown, may not be set, or has a wrong value."""


class UnknownPropertyError(PropertyError):
    """A request sets a property that nobody knows. ksqlDB takes it for a failure of its own."""

    code = 50000


class RequestError(UserError):
    """The request around the statement is wrong (body, endpoint, limits)."""

    code = 40000


class Http2RequiredError(RequestError):
    """The endpoint is for HTTP/2 only."""

    code = 40004


class TooManyRequestsError(RequestError):
    """A client asks more often than the server allows."""

    code = 42900


class TooLargeError(RequestError):
    """A request or its statement is longer than the server takes."""

    code = 41300


class ForbiddenError(RequestError):
    """None of the caller's roles may do this."""

    code = 40300


class SlowReaderError(RequestError):
    """A client does not read a push query's rows as fast as they come."""


class UnknownTopicError(RequestError):
    """A PRINT names a topic that is not there."""


class WrongEndpointError(UserError):
    """A SELECT or PRINT was sent to the statement endpoint."""

    code = 40002


class AssertionFailedError(UserError):
    """An ASSERT statement does not hold."""

    code = 41700


class RecordError(MerganserError):
    """One record cannot be used. The query logs it and goes on."""


class DecodeError(RecordError):
    """Bytes are not what the source's format and schema say."""


class EncodeError(RecordError):
    """A row cannot be written in the sink's format."""


class EvaluationError(RecordError):
    """An expression fails on one row."""


class ExternalError(MerganserError):
    """Kafka, the registry or the disk does not do its part.

    Attributes:
        retryable: Whether waiting may mend it.
    """

    code = 50000

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.retryable = retryable


class LogError(ExternalError):
    """The log (Kafka or embedded) refused or did not answer."""


class FencedError(LogError):
    """Another producer with the same id has taken over."""


class RegistryError(ExternalError):
    """The schema registry refused or did not answer."""


class StateFileError(ExternalError):
    """A state file cannot be read or written."""


class CorruptFileError(StateFileError):
    """A state file does not hold what was once written to it. The log has it all."""


class UnavailableError(MerganserError):
    """The server cannot answer now."""

    code = 50302


class CommandTimeoutError(UnavailableError):
    """An earlier statement has not run in time."""

    code = 50301


class StartingError(UnavailableError):
    """The server is starting."""


class StoppingError(UnavailableError):
    """The server is shutting down."""

    code = 50303


class InternalError(MerganserError):
    """An invariant of ours is broken."""
