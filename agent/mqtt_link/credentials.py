"""Secrets and certificates from files: where a name in the configuration leads, what is in it, and whether it can be used."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, NoReturn

from agent.credentials import locate
from agent.errors import CredentialUnusable
from agent.mqtt_link.options import BrokerOptions

VERDICT_S = 0.25
MAX_PASSWORD_BYTES = 65_535  # MQTT 5, 1.5.6: binary data of two length bytes


def password(options: BrokerOptions) -> str | None:
    """What password_file holds, its line end removed; None without one. Raises CredentialUnusable."""
    if options.password_file is None:
        return None
    raw = _bytes("password_file", options.password_file)
    try:
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise CredentialUnusable(f"password_file {locate(options.password_file)} is not UTF-8 text") from error
    if not text:
        raise CredentialUnusable(f"password_file {locate(options.password_file)} is empty", hint="write the password into it")
    return text


class TlsSocket(ssl.SSLSocket):
    """Waits a moment for the broker's verdict on the own certificate.

    In TLS 1.3 it comes after the handshake; whoever writes before reading it gets a reset connection and never learns why.
    """

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's signature
        """As the base does, and an alert sent right after it is raised too."""
        super().do_handshake(block)
        if self.version() != "TLSv1.3":
            return
        timeout_s = self.gettimeout()
        self.settimeout(VERDICT_S)
        try:
            self.recv(1)  # no broker speaks before it is spoken to
        except TimeoutError:
            return
        finally:
            self.settimeout(timeout_s)


class TlsContext(ssl.SSLContext):
    """Remembers the socket it made: paho drops one whose handshake failed without closing it."""

    made: ssl.SSLSocket | None = None
    sslsocket_class = TlsSocket

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        """As the base does."""
        self.made = super().wrap_socket(*arguments, **named)
        return self.made

    def discard(self) -> None:
        """Close the socket made last."""
        if self.made is not None:
            self.made.close()


def tls_context(options: BrokerOptions) -> TlsContext | None:
    """Checks the broker's certificate and name, TLS 1.2 or newer, and shows the own certificate; None without tls_ca.

    Raises CredentialUnusable naming the option whose file cannot be used.
    """
    if options.tls_ca is None:
        return None
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _bytes("tls_ca", options.tls_ca)
    try:
        context.load_verify_locations(locate(options.tls_ca))
    except ssl.SSLError as error:
        hint = "it must be a PEM file: -----BEGIN CERTIFICATE-----"
        raise CredentialUnusable(f"tls_ca {locate(options.tls_ca)} holds no certificate", hint=hint) from error
    if options.tls_cert is not None:
        _load_own(context, options.tls_cert, options.tls_key)
    return context


def _load_own(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    _bytes("tls_cert", cert)
    if key is not None:
        _bytes("tls_key", key)
    where = f"tls_cert {locate(cert)}" + (f" and tls_key {locate(key)}" if key is not None else "")
    try:
        context.load_cert_chain(locate(cert), locate(key) if key is not None else None, password=_no_passphrase)
    except ssl.SSLError as error:
        hint = "both must be PEM files, and the key the one the certificate was made for"
        if key is None:
            hint = "set tls_key, or put the key into the same file"
        raise CredentialUnusable(f"{where} cannot be used: {error.reason or error}", hint=hint) from error


def _no_passphrase() -> NoReturn:
    """Without this OpenSSL would ask on the terminal and block."""
    hint = "a service cannot be asked for it: store the key without one, readable for the agent alone"
    raise CredentialUnusable("tls_key is protected by a passphrase", hint=hint)


def _bytes(option: str, path: Path) -> bytes:
    file = locate(path)
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_PASSWORD_BYTES + 1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        hint = "name a file that the agent's user may read"
        if len(path.parts) == 1 and not path.is_absolute():
            hint += "; a bare name is a systemd credential, which needs LoadCredential= in the unit"
        raise CredentialUnusable(f"{option} {file} cannot be read: {why}", hint=hint) from error
