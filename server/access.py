"""Who may use the server: HTTP Basic authentication and bearer tokens, from files, with roles.

Off unless `authentication.method` is `BASIC`, `BEARER` or both. A file has a line a user,
`name: password[, role…]`, or a line a token, `name: token[, role…]`; a secret may stand as its
digest, `SHA256:` or `MD5:` and hex. What roles may do is in `permissions.py`.
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
from merganser.server.permissions import LEVELS, Principal, route_level

METHOD = "authentication.method"
ROLES = "authentication.roles"
REALM = "authentication.realm"
SKIP_PATHS = "authentication.skip.paths"
USERS_FILE = "merganser.authentication.users.file"
TOKENS_FILE = "merganser.authentication.tokens.file"
ROLES_COUNT = "merganser.authorization.enabled"

_REALM_DEFAULT = "KsqlRealm"
_ANY_ROLE = "**"
_ALWAYS_OPEN = ("/v1/metadata", "/v1/metadata/id", "/healthcheck", "/chc/live", "/chc/ready")
_DIGESTS = {"MD5:": hashlib.md5, "SHA256:": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class User:
    """A line of a file."""

    secret: str
    roles: frozenset[str]

    def has(self, password: str) -> bool:
        """Whether that is the password or token. Takes the same time for all wrong ones."""
        given = password
        secret = self.secret
        for prefix, digest in _DIGESTS.items():
            if secret.startswith(prefix):
                secret = secret.removeprefix(prefix).lower()
                given = digest(password.encode(), usedforsecurity=False).hexdigest()
                break
        return hmac.compare_digest(given.encode(), secret.encode())


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Who may use the server.

    Attributes:
        users: By name; None if Basic authentication is off.
        tokens: By name; None if bearer tokens are off.
        roles: A caller needs one of them; `**` stands for any.
        open_paths: Patterns of paths that everybody may ask.
        roles_count: Whether `read`, `write` and `admin` say what a caller may do; else all may all.
    """

    users: Mapping[str, User] | None
    roles: frozenset[str]
    realm: str = _REALM_DEFAULT
    open_paths: tuple[str, ...] = _ALWAYS_OPEN
    tokens: Mapping[str, User] | None = None
    roles_count: bool = False

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> AccessRules | None:
        """The rules in the server's properties; None if everybody may use it.

        Raises:
            PropertyError: The method is unknown, or a file cannot be read.
        """
        text = properties.get(METHOD, "NONE").strip().upper()
        methods = {part.strip() for part in text.split(",")} - {"", "NONE"}
        if not methods:
            return None
        if not methods <= {"BASIC", "BEARER"}:
            raise PropertyError(f'{METHOD} is "{text}", but must be NONE, BASIC or BEARER')
        users = _file_of(properties, "BASIC", USERS_FILE) if "BASIC" in methods else None
        tokens = _file_of(properties, "BEARER", TOKENS_FILE) if "BEARER" in methods else None
        known = [*(users or {}).values(), *(tokens or {}).values()]
        # Files of ksqlDB have roles of their own: they go on letting all who may in do all.
        counted = any(user.roles & LEVELS.keys() for user in known)
        if properties.get(ROLES_COUNT, "").strip():
            counted = properties[ROLES_COUNT].strip().lower() == "true"
        default = ",".join(LEVELS) if counted else "*"
        roles = {part.strip() for part in properties.get(ROLES, default).split(",")}
        skipped = (part.strip() for part in properties.get(SKIP_PATHS, "").split(","))
        return cls(
            users,
            frozenset(roles - {"", "*"}),
            properties.get(REALM, _REALM_DEFAULT),
            (*_ALWAYS_OPEN, *(path for path in skipped if path)),
            tokens,
            counted,
        )

    def is_open(self, path: str) -> bool:
        """Whether everybody may ask this path."""
        return any(fnmatchcase(path, pattern) for pattern in self.open_paths)

    def admitted(self, authorization: str | None) -> Principal | Response:
        """Who somebody with this header is, or what they are answered instead."""
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() == "basic" and self.users is not None:
            found = self._user(self.users, given.strip())
        elif scheme.lower() == "bearer" and self.tokens is not None:
            found = _token(self.tokens, given.strip())
        else:
            return _refused(40100, "credentials are needed")
        if isinstance(found, Response):
            return found
        name, user = found
        if _ANY_ROLE not in self.roles and not user.roles & self.roles:
            return _refused(40300, "none of the user's roles may use this server")
        return Principal.of(name, user.roles if self.roles_count else frozenset(LEVELS))

    def _user(self, users: Mapping[str, User], encoded: str) -> tuple[str, User] | Response:
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return error_response(
                generic_error(50000, "the Authorization header cannot be read"),
                typed=False,
                status=400,
            )
        name, _, password = text.partition(":")
        user = users.get(name)
        if user is None or not user.has(password):
            refusal = _refused(40100, "the name or the password is wrong")
            refusal.headers["www-authenticate"] = f'Basic realm="{self.realm}"'
            return refusal
        return name, user


def _token(tokens: Mapping[str, User], given: str) -> tuple[str, User] | Response:
    # All are compared, so that the time tells nothing.
    found = [(name, user) for name, user in tokens.items() if user.has(given)]
    if found:
        return found[0]
    refusal = _refused(40100, "the token is wrong")
    refusal.headers["www-authenticate"] = 'Bearer error="invalid_token"'
    return refusal


def _file_of(properties: Mapping[str, str], method: str, name: str) -> dict[str, User]:
    file = properties.get(name)
    if not file:
        raise PropertyError(f"{METHOD} has {method}, so {name} must name a file")
    return read_users(Path(file))


def read_users(file: Path) -> dict[str, User]:
    """The users of a file.

    Raises:
        PropertyError: It cannot be read, or a line is none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PropertyError(f"the file {file} cannot be read: {error.strerror}") from error
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
            found = self._rules.admitted(Headers(scope=scope).get("authorization"))
            if isinstance(found, Principal):
                needed = route_level(scope.get("method", "GET"), scope["path"])
                if found.level < needed:
                    found = _refused(40300, f"this needs the role {needed.name.lower()}")
                else:
                    scope.setdefault("state", {})["principal"] = found
            if isinstance(found, Response):
                await found(scope, receive, send)
                return
        await self._app(scope, receive, send)
