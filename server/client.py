"""A client of the REST API, for the command line and for scripts. Works with ksqlDB servers, too.

with Client("http://localhost:8088") as client:
    for event in client.stream("SELECT * FROM PAGEVIEWS EMIT CHANGES LIMIT 3;"):
        print(event)
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from merganser.errors import UserError
from merganser.parser.variables import substitute
from merganser.server import media

CONNECT_TIMEOUT_SECONDS = 5.0
ANSWER_TIMEOUT_SECONDS = (
    60.0  # Statements wait for their command: longer than the server's own limit.
)

Entity = dict[str, Any]


class ServerError(Exception):
    """The server refused a request, or ended an answer with an error.

    Attributes:
        code: 100 times the HTTP status, and a number; 0 if the answer was none of the API's.
        message: For the user.
        statement_text: The statement that failed, if one did.
        entities: The answers of the statements before it.
    """

    def __init__(
        self,
        code: int,
        message: str,
        statement_text: str | None = None,
        entities: Sequence[Entity] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.statement_text = statement_text
        self.entities = tuple(entities)

    @classmethod
    def of(cls, body: object, status: int) -> ServerError:
        """From an error body; anything else counts as unknown."""
        if not isinstance(body, dict) or "error_code" not in body:
            return cls(0, f"the server answered with status {status} and no error of the API")
        return cls(
            int(body["error_code"]),
            str(body.get("message", "")),
            body.get("statementText"),
            body.get("entities") or (),
        )


class ExactNumber(Decimal):
    """A number with a fraction or an exponent; `str` gives it as the server wrote it: `1.0E10`."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


class UnreachableError(Exception):
    """There is no answer: the server is not there, or the connection broke."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the rows of an answer are: names and types as SQL text.

    `schema` is all of it as the server wrote it; pull queries mark their keys in it.
    """

    query_id: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One result row. Numbers with a fraction are `ExactNumber`s."""

    values: tuple[Any, ...]
    tombstone: bool = False


@dataclass(frozen=True, slots=True)
class FinalMessage:
    """How an answer ended."""

    text: str


Event = Header | Row | FinalMessage


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How to trust a server, and how to be trusted by it.

    Attributes:
        ca: PEM file of who may have signed the server's certificate; None: who the system trusts.
        certificate: PEM file of the client's own certificate.
        key: PEM file of its key, if that is not in the same file.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """The same for a connection.

        Raises:
            UserError: A file cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ssl.SSLError) as error:
            raise UserError(f"a certificate or key cannot be used: {error}") from error
        return context


class Client:
    """A connection to one server. For one thread; `close_query` may come from another client."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        tls: ClientTls | None = None,
    ) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=url,
            headers=dict(headers or {}),
            auth=auth,
            verify=tls.context() if tls is not None else True,
            timeout=httpx.Timeout(ANSWER_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; answers under way end."""
        self._http.close()

    def info(self) -> dict[str, str]:
        """`version`, `kafkaClusterId`, `ksqlServiceId`, `serverStatus`."""
        found: dict[str, str] = self._get("/info")["KsqlServerInfo"]
        return found

    def healthcheck(self) -> dict[str, Any]:
        """Health of the server and of its parts."""
        found: dict[str, Any] = self._get("/healthcheck")
        return found

    def is_valid_property(self, name: str) -> bool:
        """Whether a client may set a property.

        Raises:
            ServerError: It may not; the message tells why.
        """
        return self._get(f"/is_valid_property/{quote(name, safe='')}") is True

    def execute(
        self,
        text: str,
        *,
        properties: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
        after_sequence: int | None = None,
        with_tables: bool = False,
    ) -> list[Entity]:
        """Runs statements (any but SELECT and PRINT) and gives an entity for each that answers.

        `with_tables` asks a Merganser server for `$tables`, what a terminal shows for the entity.

        Raises:
            ServerError: A statement failed; `entities` has the answers of those before it.
        """
        body: dict[str, object] = {
            "ksql": text,
            "streamsProperties": dict(properties or {}),
            "sessionVariables": dict(variables or {}),
        }
        if after_sequence is not None:
            body["commandSequenceNumber"] = after_sequence
        if with_tables:
            body["requestProperties"] = {"merganser.tables": True}
        entities: list[Entity] = self._post("/ksql", body)
        return entities

    def stream(
        self,
        text: str,
        *,
        properties: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Generator[Event, None, None]:
        """Runs a SELECT: a header, rows as they come, at last a final message (push queries).

        Closing the iterator ends the query.

        Raises:
            ServerError: The query was refused, or failed on its way.
        """
        body = {
            "sql": text,
            "properties": dict(properties or {}),
            "sessionVariables": dict(variables or {}),
        }
        with self._streamed("/query-stream", body, media.V1_JSON) as lines:
            for line in lines:
                element = _element(line)
                if element is not None:
                    yield _event(element)

    def table(
        self,
        text: str,
        media_type: str,
        *,
        properties: Mapping[str, object] | None = None,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
    ) -> Generator[bytes, None, None]:
        """Runs a SELECT, in full SQL if need be, and gives its rows as they are sent: CSV, Arrow.

        Raises:
            ServerError: The query was refused.
            UnreachableError: The answer broke off, for the query failed on its way.
        """
        body: dict[str, object] = {"sql": text, "properties": dict(properties or {})}
        if parameters is not None:
            body["parameters"] = parameters
        with self._answered("/sql", body, media_type) as response:
            yield from response.iter_bytes()

    def print_topic(
        self,
        text: str,
        *,
        properties: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Generator[str, None, None]:
        """Runs a PRINT: a line a record, and lines about the formats found.

        Raises:
            ServerError: The statement was refused.
        """
        # `/query` takes no variables, and only it tells the formats.
        body = {
            "ksql": substitute(text, variables or {}),
            "streamsProperties": dict(properties or {}),
        }
        with self._streamed("/query", body, None) as lines:
            yield from (line for line in lines if line)

    def close_query(self, query_id: str) -> None:
        """Ends a push query.

        Raises:
            ServerError: None of that id runs.
        """
        self._post("/close-query", {"queryId": query_id})

    # ------------------------------------------------------------------ transport

    def _get(self, path: str) -> Any:
        with _reaching(self.url):
            response = self._http.get(path)
        return _body(response)

    def _post(self, path: str, body: object) -> Any:
        with _reaching(self.url):
            response = self._http.post(path, json=body)
        return _body(response)

    @contextmanager
    def _streamed(self, path: str, body: object, accept: str | None) -> Iterator[Iterator[str]]:
        with self._answered(path, body, accept) as response:
            yield _lines(response)

    @contextmanager
    def _answered(self, path: str, body: object, accept: str | None) -> Iterator[httpx.Response]:
        headers = {"accept": accept} if accept else {}
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS)
        request = self._http.build_request(
            "POST", path, json=body, headers=headers, timeout=timeout
        )
        if accept is None:
            del request.headers["accept"]
        with _reaching(self.url):
            response = self._http.send(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    _body(response)
                yield response
            finally:
                response.close()


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise UnreachableError(f"there is no server at {url}: {error}") from error
    except httpx.TimeoutException as error:
        raise UnreachableError(f"the server at {url} did not answer in time") from error
    except httpx.TransportError as error:
        raise UnreachableError(f"the connection to {url} broke: {error}") from error
    except httpx.InvalidURL as error:
        raise UnreachableError(f"{url} is no address of a server: {error}") from error


def _lines(response: httpx.Response) -> Iterator[str]:
    """Lines ended by a newline only: text may hold what Unicode calls line ends."""
    rest = b""
    for piece in response.iter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode() for line in whole)
    if rest:
        yield rest.decode()


def _body(response: httpx.Response) -> Any:
    try:
        body = json.loads(response.content, parse_float=ExactNumber) if response.content else None
    except ValueError:
        body = None
    if response.is_error:
        raise ServerError.of(body, response.status_code)
    return body


def _element(line: str) -> dict[str, Any] | None:
    """One element of the answer's array, whose elements stand on a line each."""
    text = line.strip().removeprefix("[").removesuffix(",")
    if text in ("", "]"):
        return None
    try:
        element = json.loads(text, parse_float=ExactNumber)
    except ValueError:
        element = json.loads(text.removesuffix("]"), parse_float=ExactNumber)
    return element if isinstance(element, dict) else None


def _event(element: dict[str, Any]) -> Event:
    match element:
        case {"header": {"queryId": query_id, "schema": schema}}:
            columns = [_column(part) for part in split_columns(schema)]
            return Header(
                query_id,
                tuple(name for name, _ in columns),
                tuple(kind for _, kind in columns),
                schema,
            )
        case {"row": {"columns": values, **rest}}:
            return Row(tuple(values), tombstone=bool(rest.get("tombstone")))
        case {"finalMessage": text}:
            return FinalMessage(text)
        case {"errorMessage": error}:
            raise ServerError.of(error, 200)
        case _:
            raise ServerError(0, f"the server sent what no query answers: {sorted(element)}")


def split_columns(schema: str) -> list[str]:
    """The columns of a schema text.

    >>> split_columns("`ID` BIGINT KEY, `S` STRUCT<`a,b` MAP<STRING, INTEGER>>")
    ['`ID` BIGINT KEY', '`S` STRUCT<`a,b` MAP<STRING, INTEGER>>']
    """
    parts: list[str] = []
    depth, quoted, start = 0, False, 0
    for index, letter in enumerate(schema):
        if letter == "`":
            quoted = not quoted
        elif not quoted and letter in "<(":
            depth += 1
        elif not quoted and letter in ">)":
            depth -= 1
        elif not quoted and depth == 0 and letter == ",":
            parts.append(schema[start:index].strip())
            start = index + 1
    tail = schema[start:].strip()
    return [*parts, tail] if tail else parts


def _column(text: str) -> tuple[str, str]:
    end = _quoted_end(text)
    name, kind = text[1:end].replace("``", "`"), text[end + 1 :].strip()
    return name, kind.removesuffix(" KEY")


def _quoted_end(text: str) -> int:
    """Where the back-quoted name that a text starts with ends."""
    index = 1
    while index < len(text):
        if text[index] != "`":
            index += 1
        elif text[index + 1 : index + 2] == "`":
            index += 2
        else:
            return index
    return len(text)
