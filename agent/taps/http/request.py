"""The head of a request, judged before its body is read: where to, by whom, what, and how long."""

from __future__ import annotations

import hmac
import io
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from urllib.parse import parse_qsl, urlsplit

from agent.taps.http.options import is_loopback

MAX_HEAD_BYTES = 1 << 14
BASE = "/v1/in"
KINDS = ("inspection", "outcome", "event", "feedback")
# A page in a browser may send none of these without asking first, and is then refused: no page posts records.
TYPES = ("application/json", "application/x-ndjson", "application/jsonl")
_QUERY = ("station", "source")


class Refusal(Exception):
    """An answer other than 202, and why."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Head:
    """What a request that may go on is about. kind: of all its records, empty where each says it itself."""

    length: int
    kind: str
    defaults: dict[str, str]
    wants_continue: bool


def read_head(raw: bytes, *, token: str | None, max_bytes: int) -> Head:
    """raw: up to and with the empty line. token: to be shown; None where none is needed. Raises Refusal."""
    line, _, rest = raw.partition(b"\r\n")
    words = line.decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Refusal(HTTPStatus.BAD_REQUEST, "expected an HTTP/1.1 request")
    try:
        headers = parse_headers(io.BytesIO(rest))
    except HTTPException as error:
        raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"headers cannot be read: {error}") from error
    method, target = words[0], words[1]
    _authorise(headers, token)
    kind, defaults = _addressed(target)
    if method != "POST":
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"expected POST, got {method[:20]}", Allow="POST")
    type_ = headers.get_content_type() if "Content-Type" in headers else "none"
    if type_ not in TYPES:
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be one of {', '.join(TYPES)}, got {type_[:60]}")
    wants_continue = headers.get("Expect", "").lower() == "100-continue"
    return Head(_length(headers, max_bytes), kind, defaults, wants_continue)


def _authorise(headers: Message, token: str | None) -> None:
    """Who shows the token may send; without one, programs on this machine that asked for it by that name."""
    if token is None:
        host = urlsplit(f"//{headers.get('Host', 'localhost')}").hostname or ""
        if not is_loopback(host):  # a page that led a browser here by a name of its own
            raise Refusal(HTTPStatus.FORBIDDEN, f"this address takes requests to localhost alone, not to {host[:60]}")
        return
    scheme, _, shown = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), token.encode()):
        raise Refusal(HTTPStatus.UNAUTHORIZED, "expected Authorization: Bearer, with the token", WWW_Authenticate="Bearer")


def _addressed(target: str) -> tuple[str, dict[str, str]]:
    try:
        parts = urlsplit(target)
        query = parse_qsl(parts.query, max_num_fields=8)
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"address cannot be read: {error}") from error
    kind = parts.path.removeprefix(BASE).removeprefix("/")
    if not parts.path.startswith(BASE) or kind not in ("", *KINDS):
        raise Refusal(HTTPStatus.NOT_FOUND, f"expected {BASE} or {BASE}/{{{','.join(KINDS)}}}")
    strange = next((name for name, _ in query if name not in _QUERY), None)
    if strange is not None:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"expected {' or '.join(_QUERY)} in the address, got {strange[:60]}")
    return kind, {name: value[:128] for name, value in query}


def _length(headers: Message, max_bytes: int) -> int:
    said = headers.get_all("Content-Length", [])
    if "Transfer-Encoding" in headers or not said:
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "expected Content-Length, and no Transfer-Encoding")
    if len(said) > 1 or not (said[0].isascii() and said[0].isdigit()):
        raise Refusal(HTTPStatus.BAD_REQUEST, "expected one Content-Length, a number")
    if len(said[0]) > 15 or int(said[0]) > max_bytes:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body must have at most {max_bytes} bytes, got {said[0][:20]}")
    return int(said[0])
