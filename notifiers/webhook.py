"""A channel for a program: the message's document as JSON, posted to an address.

The address itself often is the credential, so it is treated as one: it is in no error,
and no redirect is followed, which would hand the document to an address nobody configured.
It is delivered at least once: an answer lost on the way is asked for again.

The standard library sends it. Unlike urllib3 it logs nothing (urllib3 logs path and query
of each request at DEBUG), and one small POST an hour needs no pool of connections.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from notifiers.message import CredentialRefused, DeliveryError, Message
from notifiers.options import OptionError, address, word
from notifiers.patience import (
    RETRIES,
    RETRIES_WHEN_CUT,
    SECONDS_TO_ANSWER,
    Patience,
    Refusal,
    Remaining,
    unhurried,
)
from notifiers.visible import REPLACEMENT

_LATER = frozenset({429, 500, 502, 503, 504})
_CREDENTIAL = frozenset({401, 403, 404, 410})
"""The address is a credential too, hence 404 and 410."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def payload(message: Message) -> bytes:
    """Return ``message.document`` as UTF-8 JSON; a lone surrogate becomes U+FFFD."""
    text = json.dumps(dict(message.document), ensure_ascii=False, allow_nan=False)
    return _SURROGATE.sub(REPLACEMENT, text).encode()


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0913, PLR0917 - urllib's signature
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Follow nothing: the 3xx answer is then raised as the HTTPError that it is."""


class Webhook:
    """Posts documents to ``url``, with ``headers`` on top; both may be secrets."""

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        *,
        url: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._url = address("webhook", "url", url)
        self._headers = {"Content-Type": "application/json", "User-Agent": "notifiers"}
        self._headers |= _headers(headers)
        self._sleep = sleep
        self._opener = build_opener(_NoRedirect)

    def send(self, message: Message, remaining: Remaining = unhurried) -> None:
        """Post ``message.document``; raise :class:`DeliveryError` unless a 2xx answers."""
        body = payload(message)
        refusal = Patience(self._sleep, remaining).insist(lambda: self._post(body))
        if refusal:
            error = CredentialRefused if refusal.credential else DeliveryError
            what = f"the webhook did not take the message: {refusal.why}"
            raise error(what, refusal.hint)

    def _post(self, body: bytes) -> Refusal | None:
        request = Request(self._url, data=body, headers=self._headers)  # noqa: S310 - checked
        try:
            with self._opener.open(request, timeout=SECONDS_TO_ANSWER):
                return None
        except HTTPError as error:
            with error:
                return _refusal(error.code, error.headers.get("Retry-After"))
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", error)
            return Refusal(
                f"no answer ({type(cause).__name__})",
                "the address's host, port and certificate, and the way there from this network",
                retries=0 if isinstance(error, TimeoutError) else RETRIES_WHEN_CUT,
            )


def _refusal(status: int, retry_after: str | None) -> Refusal:
    why = f"status {status}"
    if status in _LATER:
        hint = "again later; the receiver is busy or broken"
        return Refusal(why, hint, retries=RETRIES, retry_after=retry_after)
    if status in _CREDENTIAL:
        return Refusal(
            why, "the address and the headers, one is wrong or withdrawn", credential=True
        )
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110, 15.4: redirection
        return Refusal(why, "the address it redirects to; redirects are not followed")
    return Refusal(why, "the receiver's own log, it does not want the document like this")


def _headers(headers: object) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        msg = "webhook: headers is no mapping; try: one 'Name: value' a line"
        raise OptionError(msg)
    checked = {}
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", str(name)):
            msg = "webhook: headers holds a name that is none; try: letters, digits and hyphens"
            raise OptionError(msg)
        words = value.split(" ") if isinstance(value, str) else [value]
        checked[str(name)] = " ".join(word("webhook", f"headers.{name}", part) for part in words)
    return checked
