"""TLS for the server's port: its certificate, and whose certificates clients must show."""

from __future__ import annotations

import ssl

from merganser.errors import PropertyError
from merganser.server.config import ServerConfig

PROTOCOLS = ["h2", "http/1.1"]
"""What is offered by ALPN; `front.py` looks at the first bytes, so that it need not ask."""


def server_context(config: ServerConfig) -> ssl.SSLContext | None:
    """How the port speaks TLS; None if it does not.

    Raises:
        PropertyError: A file cannot be used, or only half of what is needed is given.
    """
    if config.tls_certificate is None:
        if config.tls_key is not None or config.tls_client_ca is not None:
            raise PropertyError("tls_key and tls_client_ca need a tls_certificate")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(PROTOCOLS)
    try:
        context.load_cert_chain(
            config.tls_certificate,
            config.tls_key,
            # Without one, OpenSSL would ask for it at a terminal.
            password=config.tls_key_password or "",
        )
    except (OSError, ssl.SSLError) as error:
        raise PropertyError(
            f"the certificate {config.tls_certificate} or its key cannot be used: {error}"
        ) from error
    if config.tls_client_ca is not None:
        try:
            context.load_verify_locations(config.tls_client_ca)
        except (OSError, ssl.SSLError) as error:
            raise PropertyError(f"tls_client_ca cannot be used: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context
