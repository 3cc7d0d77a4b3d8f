"""A channel for every other service: chat, mail and push, through the Apprise library.

An optional extra: ``pip install 'slowquery-digest[apprise]'``. The address is one of
Apprise's (``mailtos://…``, ``msteams://…``, ``tgram://…``) and holds the credentials, so
it is in no error. The message goes out as plain text, split where the service takes less.

Apprise says whether a service took a message and not why it did not: what it logs may hold
an address or an answer, and is not shown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from notifiers.console import text
from notifiers.inquiry import Finding
from notifiers.message import DeliveryError, Message
from notifiers.options import OptionError, word
from notifiers.patience import OUT_OF_TIME, SECONDS_TO_ANSWER, Remaining, unhurried

_SILENT: Final = logging.CRITICAL + 1


class Apprise:
    """Sends plain text to ``url``, an address of Apprise's and a secret."""

    def __init__(self, *, url: str) -> None:
        address = word("apprise", "url", url)
        logging.getLogger("apprise").setLevel(_SILENT)
        # At DEBUG it logs the path of each request.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
        try:
            import apprise  # noqa: PLC0415 - an optional extra, and 0.3 s
        except ImportError:
            hint = "pip install 'slowquery-digest[apprise]'"
            msg = f"apprise: the library is not installed; try: {hint}"
            raise OptionError(msg) from None
        self._apprise: Any = apprise
        self._services = apprise.Apprise()
        if not self._services.add(address):
            msg = "apprise: url is no address of a service; try: Apprise's own list of services"
            raise OptionError(msg)
        for service in self._services:
            service.overflow_mode = apprise.OverflowMode.SPLIT

    def inquire(self) -> Sequence[Finding]:
        """Tell that nobody can ask a service without posting."""
        hint = "apprise -vv -b test ADDRESS, by hand"
        return [Finding("may write", "unknown", "Apprise can only post", hint)]

    def send(self, message: Message, remaining: Remaining = unhurried) -> None:
        """Post ``message``; raise :class:`DeliveryError` unless the service took all of it."""
        if remaining() < SECONDS_TO_ANSWER:
            what = f"the service did not get the message: {OUT_OF_TIME.why}"
            raise DeliveryError(what, OUT_OF_TIME.hint)
        taken = self._services.notify(
            body=text(message),
            title=message.summary,
            body_format=self._apprise.NotifyFormat.TEXT,
        )
        if not taken:
            what = "the service did not take the message, or not all of it"
            raise DeliveryError(what, "apprise -vv -b test ADDRESS, which says why")
