"""What goes wrong between agent and broker, told so that a person can mend it: one word for metrics, a message, a next step."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass
from typing import Literal

from agent.errors import CredentialUnusable
from agent.mqtt_link.options import BrokerOptions

Kind = Literal["connect_failed", "connect_refused", "disconnected", "publish_refused", "subscribe_refused"]
UNSUPPORTED_VERSION = "Unsupported protocol version"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failure. reason: what it is counted under; a broker's reason code keeps the name the standard gives it."""

    kind: Kind
    reason: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


# X509_V_ERR_… of OpenSSL's x509_vfy.h → reason, message, hint; {…} are filled from the options
_CERTIFICATE = {
    9: ("certificate_not_yet_valid", "the broker's certificate is not yet valid", "set this machine's clock: `timedatectl`"),
    10: ("certificate_expired", "the broker's certificate has expired", "renew it on the broker; check this clock: `timedatectl`"),
    62: ("certificate_wrong_name", "the broker's certificate is not for {host}", "{names}"),
    64: ("certificate_wrong_name", "the broker's certificate is not for the address {host}", "{names}"),
}
_NAMES = (
    "set host to a name in the certificate, or have it issued for {host}; its names: "
    "`openssl s_client -connect {host}:{port} </dev/null | openssl x509 -noout -ext subjectAltName`"
)
_UNTRUSTED = "set tls_ca to the certificate of the authority that signed the broker's; {tls_ca} does not hold it"
_OWN = "set tls_cert and tls_key to a certificate the broker's authority issued for this agent"

# alert of the broker (reason of ssl.SSLError) → reason, message, hint
_ALERTS = {
    "CERTIFICATE_REQUIRED": ("own_certificate_missing", "the broker asks for a certificate and none was shown", _OWN),
    "HANDSHAKE_FAILURE": ("tls_refused", "the broker refused the TLS handshake", f"if it asks for certificates: {_OWN}"),
    "UNKNOWN_CA": ("own_certificate_refused", "the broker does not know who signed tls_cert", _OWN),
    "BAD_CERTIFICATE": ("own_certificate_refused", "the broker refused tls_cert", _OWN),
    "CERTIFICATE_EXPIRED": ("own_certificate_expired", "the broker says tls_cert has expired", "have tls_cert renewed"),
    "CERTIFICATE_REVOKED": ("own_certificate_revoked", "the broker says tls_cert is revoked", "have a new one issued"),
    "PROTOCOL_VERSION": ("tls_version", "the broker speaks no TLS this agent accepts", "allow TLS 1.2 or 1.3 on the broker"),
    "WRONG_VERSION_NUMBER": ("not_tls", "{host}:{port} does not speak TLS", "set port to the broker's TLS port, usually 8883"),
}

# name of an MQTT 5 reason code → what to do
_LOGIN = "check username and password_file against the broker's accounts; its log says more"
_HINTS = {
    UNSUPPORTED_VERSION: 'the broker knows no MQTT 5: set protocol = "3.1.1"',
    "Bad user name or password": _LOGIN,
    "Not authorized": _LOGIN,
    "Bad authentication method": _LOGIN,
    "Banned": "ask who runs the broker",
    "Client identifier not valid": "set client_id to one the broker accepts",
    "Session taken over": "another client uses the same client_id: give each agent, tap and sink one of its own",
    "Server busy": "the agent goes on trying",
    "Server unavailable": "the agent goes on trying",
    "Server shutting down": "the agent goes on trying",
    "Quota exceeded": "raise the broker's limits for this client",
    "Connection rate exceeded": "raise reconnect_max_s, or the broker's limit",
    "Packet too large": "raise the broker's packet size limit (mosquitto: max_packet_size)",
    "Retain not supported": "allow retained messages on the broker (mosquitto: retain_available true)",
    "QoS not supported": "allow QoS 1 on the broker (mosquitto: max_qos 2)",
    "Keep alive timeout": "the network between agent and broker swallows packets, or the broker hangs",
}
_ACCESS = "let user {username} {verb} {topic} in the broker's access list"


def word(name: str) -> str:
    """A reason code's name as a metric label."""
    return name.lower().replace(" ", "_").replace("-", "_")


def failed(error: Exception, options: BrokerOptions, kind: Kind = "connect_failed") -> Trouble:
    """An exception of the way to the broker. kind: whether there was a connection already."""
    match error:
        case CredentialUnusable():
            return Trouble(kind, "credentials", str(error), error.hint)
        case ssl.SSLCertVerificationError():
            return _certificate(error, options, kind)
        case ssl.SSLError():
            return _tls(error, options, kind)
        case TimeoutError():
            return no_answer(options, kind)
        case ConnectionResetError() | BrokenPipeError():
            return closed(options, was_connected=kind == "disconnected")
        case _:
            return _network(error, options, kind)


def _network(error: Exception, options: BrokerOptions, kind: Kind) -> Trouble:
    host, port = options.host, options.port
    if isinstance(error, socket.gaierror):
        return Trouble(kind, "name_not_found", f"no address for {host}: {error.strerror}", f"check host: `getent hosts {host}`")
    if isinstance(error, ConnectionRefusedError):
        hint = f"is the broker running, and does it listen on port {port} for other machines (mosquitto: `listener {port}`)?"
        return Trouble(kind, "connection_refused", f"nothing listens at {host}:{port}: connection refused", hint)
    if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        why = (error.strerror or "").lower()
        return Trouble(kind, "unreachable", f"no way to {host}: {why}", f"check cable, address and route: `ping {host}`")
    return Trouble(kind, word(type(error).__name__), f"{type(error).__name__}: {error}")


def _certificate(error: ssl.SSLCertVerificationError, options: BrokerOptions, kind: Kind) -> Trouble:
    unknown = ("certificate_untrusted", f"the broker's certificate is not trusted: {error.verify_message}", _UNTRUSTED)
    reason, message, hint = _CERTIFICATE.get(error.verify_code, unknown)
    names = _NAMES.format(host=options.host, port=options.port)
    return Trouble(kind, reason, message.format(host=options.host), hint.format(names=names, tls_ca=options.tls_ca))


def _closed_in_handshake(options: BrokerOptions, kind: Kind) -> Trouble:
    hint = f"does port {options.port} speak TLS, does the broker accept TLS 1.2 or 1.3, does it ask for a certificate (tls_cert)?"
    return Trouble(kind, "closed_in_handshake", "the broker closed the connection during or right after the TLS handshake", hint)


def _tls(error: ssl.SSLError, options: BrokerOptions, kind: Kind) -> Trouble:
    said = error.reason or ""
    for ending, (reason, message, hint) in _ALERTS.items():
        if said.endswith(ending):
            return Trouble(kind, reason, message.format(host=options.host, port=options.port), hint)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or said == "UNEXPECTED_EOF_WHILE_READING":
        return _closed_in_handshake(options, kind)
    return Trouble(kind, "tls_error", f"TLS failed: {said or error}", "the broker's log says more")


def no_answer(options: BrokerOptions, kind: Kind = "connect_failed") -> Trouble:
    """Nothing came back within connect_timeout_s."""
    message = f"{options.host}:{options.port} did not answer within {options.connect_timeout_s:g} s"
    hint = "a firewall that swallows packets, a machine that is off, or a broker that hangs"
    return Trouble(kind, "no_answer", message, hint)


def refused(name: str, code: int) -> Trouble:
    """A CONNACK that says no."""
    return Trouble("connect_refused", word(name), f"broker refused the connection: {name} (0x{code:02x})", _HINTS.get(name, ""))


def ended(name: str, code: int, *, by_broker: bool) -> Trouble:
    """The end of a connection that was up, by a DISCONNECT with its reason, or for a reason found here."""
    if not by_broker:
        return Trouble("disconnected", word(name), f"connection lost: {name}", _HINTS.get(name, ""))
    return Trouble("disconnected", word(name), f"broker ended the connection: {name} (0x{code:02x})", _HINTS.get(name, ""))


def closed(options: BrokerOptions, *, was_connected: bool) -> Trouble:
    """The broker closed the socket and said nothing."""
    if was_connected:
        hint = "its log says more; mosquitto 2.0 also does so when another client takes the same client_id"
        return Trouble("disconnected", "closed", "broker closed the connection without a reason", hint)
    if options.tls_ca is not None:
        return _closed_in_handshake(options, "connect_failed")
    other = "3.1.1" if options.protocol == "5" else "5"
    hint = "does this port want TLS (then set tls_ca)? "
    hint += f'does the broker know MQTT {options.protocol} (else set protocol = "{other}")? its log says more'
    return Trouble("connect_failed", "closed_unanswered", "broker closed the connection instead of answering", hint)


def garbled(error: Exception, kind: Kind) -> Trouble:
    """What came is no MQTT."""
    message = f"what the broker sent cannot be read: {type(error).__name__}: {error}"
    return Trouble(kind, "not_mqtt", message, "is the port a broker's?")


def publish_refused(name: str, code: int, topic: str, options: BrokerOptions) -> Trouble:
    """A PUBACK that says no."""
    return Trouble(
        "publish_refused", word(name), f"broker refused {topic}: {name} (0x{code:02x})", _topic_hint(name, "write", topic, options)
    )


def subscribe_refused(name: str, code: int, topic: str, options: BrokerOptions) -> Trouble:
    """A SUBACK that says no to one topic. MQTT 3.1.1 knows one code for all reasons."""
    if options.protocol != "5":
        name = "Not authorized"
    message = f"broker refused the subscription to {topic}: {name} (0x{code:02x})"
    return Trouble("subscribe_refused", word(name), message, _topic_hint(name, "read", topic, options))


def useless(refusal: Trouble) -> Trouble:
    """A connection over which nothing may be read."""
    return Trouble("disconnected", "nothing_subscribed", f"every subscription was refused: {refusal.message}", refusal.hint)


def _topic_hint(name: str, verb: str, topic: str, options: BrokerOptions) -> str:
    if name == "Not authorized":
        return _ACCESS.format(username=options.username or "(none)", verb=verb, topic=topic)
    return _HINTS.get(name, "")
