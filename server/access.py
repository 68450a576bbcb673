"""Who may use the server: HTTP Basic authentication against a file of users, and their roles.

Off unless `authentication.method` is `BASIC`. The file has a line a user,
`name: password[, role…]`; a password may stand as `MD5:` and its digest in hex.
Source: parity/rest-api.md, section 10; recorded exchanges of a ksqlDB server.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from merganser.errors import PropertyError
from merganser.server.failures import error_response, generic_error

METHOD = "authentication.method"
ROLES = "authentication.roles"
REALM = "authentication.realm"
SKIP_PATHS = "authentication.skip.paths"
USERS_FILE = "merganser.authentication.users.file"

_REALM_DEFAULT = "KsqlRealm"
_ANY_ROLE = "**"
_ALWAYS_OPEN = ("/v1/metadata", "/v1/metadata/id", "/healthcheck", "/chc/live", "/chc/ready")
_MD5 = "MD5:"


@dataclass(frozen=True, slots=True)
class User:
    """A line of the file."""

    secret: str
    roles: frozenset[str]

    def has(self, password: str) -> bool:
        """Whether that is the password. Takes the same time for all wrong ones."""
        given = password
        secret = self.secret
        if secret.startswith(_MD5):
            secret = secret.removeprefix(_MD5).lower()
            # The form of the file is Jetty's; for secrets worth more there is TLS and a proxy.
            given = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
        return hmac.compare_digest(given.encode(), secret.encode())


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Who may use the server.

    Attributes:
        roles: A user needs one of them; `**` stands for any.
        open_paths: Patterns of paths that everybody may ask.
    """

    users: Mapping[str, User]
    roles: frozenset[str]
    realm: str = _REALM_DEFAULT
    open_paths: tuple[str, ...] = _ALWAYS_OPEN

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> AccessRules | None:
        """The rules in the server's properties; None if everybody may use it.

        Raises:
            PropertyError: The method is unknown, or the file cannot be read.
        """
        method = properties.get(METHOD, "NONE").strip().upper()
        if method in ("", "NONE"):
            return None
        if method != "BASIC":
            raise PropertyError(f'{METHOD} is "{method}", but must be NONE or BASIC')
        file = properties.get(USERS_FILE)
        if not file:
            raise PropertyError(f"{METHOD} is BASIC, so {USERS_FILE} must name a file of users")
        roles = {part.strip() for part in properties.get(ROLES, "*").split(",")}
        skipped = (part.strip() for part in properties.get(SKIP_PATHS, "").split(","))
        return cls(
            read_users(Path(file)),
            frozenset(roles - {"", "*"}),
            properties.get(REALM, _REALM_DEFAULT),
            (*_ALWAYS_OPEN, *(path for path in skipped if path)),
        )

    def is_open(self, path: str) -> bool:
        """Whether everybody may ask this path."""
        return any(fnmatchcase(path, pattern) for pattern in self.open_paths)

    def refusal(self, authorization: str | None) -> Response | None:
        """What somebody with this header is answered instead; None if they may go on."""
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return _refused(40100, "credentials are needed")
        try:
            text = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return error_response(
                generic_error(50000, "the Authorization header cannot be read"),
                typed=False,
                status=400,
            )
        name, _, password = text.partition(":")
        user = self.users.get(name)
        if user is None or not user.has(password):
            refusal = _refused(40100, "the name or the password is wrong")
            refusal.headers["www-authenticate"] = f'Basic realm="{self.realm}"'
            return refusal
        if _ANY_ROLE not in self.roles and not user.roles & self.roles:
            return _refused(40300, "none of the user's roles may use this server")
        return None


def read_users(file: Path) -> dict[str, User]:
    """The users of a file.

    Raises:
        PropertyError: It cannot be read, or a line is none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PropertyError(f"the file of users cannot be read: {error}") from error
    users: dict[str, User] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, colon, rest = text.partition(":")
        secret, *roles = (part.strip() for part in rest.split(","))
        if not colon or not name.strip() or not secret:
            raise PropertyError(f"line {number} of {file} is not `name: password[, role…]`")
        users[name.strip()] = User(secret, frozenset(roles))
    return users


def _refused(code: int, message: str) -> Response:
    return error_response(generic_error(code, message), typed=False)


class AccessMiddleware:
    """Answers those who may not use the server, whatever they ask."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._rules.is_open(scope["path"]):
            refusal = self._rules.refusal(Headers(scope=scope).get("authorization"))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
