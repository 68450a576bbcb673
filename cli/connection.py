"""A shell's way to a server: its address, and how to make oneself known there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from merganser.errors import UserError
from merganser.server.client import Client, ClientTls


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a server may ask for: user and password, or a token, and TLS certificates."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    tls: ClientTls | None = None

    def checked(self) -> Self:
        """Returns itself if it makes sense.

        Raises:
            UserError: Only one of user and password is given, or a token besides them.
        """
        if bool(self.user) != bool(self.password):
            raise UserError("a user name needs a password, and a password a user name")
        if self.user and self.token:
            raise UserError("a user name and a token cannot both be given")
        return self


class Connection:
    """One server, as one shell uses it.

    Attributes:
        client: For the shell's own thread.
    """

    def __init__(self, url: str, credentials: Credentials) -> None:
        self.url = checked_url(url)
        self._credentials = credentials
        self.client = self.another()

    def another(self) -> Client:
        """Makes a client for another thread."""
        known = self._credentials
        return Client(
            self.url,
            headers={"Authorization": f"Bearer {known.token}"} if known.token else None,
            auth=(known.user, known.password) if known.user else None,
            tls=known.tls,
        )

    def moved(self, url: str) -> Connection:
        """Makes a connection to another server with the same credentials."""
        return Connection(url, self._credentials)

    def close(self) -> None:
        """Closes it."""
        self.client.close()


def checked_url(url: str) -> str:
    """Returns a server's address without a slash at its end.

    Raises:
        UserError: It is no address of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(
            f'"{url}" is no server address',
            hint="An address looks like http://localhost:8088.",
        )
    return url.rstrip("/")
