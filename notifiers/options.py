"""What a channel can be told, and how it refuses what it cannot use.

An option may be a secret, so its value is in no error: what is wrong with it is said in
words. The checks are as strict as HTTP is, because ``http.client`` would otherwise raise
errors of its own, and those quote the header or address that they complain about.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


class OptionError(ValueError):
    """A channel cannot be created from what was configured; names the option, no value."""


def text(kind: str, name: str, value: object) -> str:
    """Return ``value`` if it is text of one line."""
    if not isinstance(value, str):
        msg = f"{kind}: {name} is a {type(value).__name__}; try: text, in quotes"
        raise OptionError(msg)
    if not value:
        msg = f"{kind}: {name} is empty; try: set it, or leave the channel out"
        raise OptionError(msg)
    if not value.isprintable():
        msg = f"{kind}: {name} holds a line break or a control character; try: one line"
        raise OptionError(msg)
    return value


def word(kind: str, name: str, value: object) -> str:
    """Return ``value`` if it is text that fits into a header or address: visible ASCII."""
    checked = text(kind, name, value)
    if not all("!" <= character <= "~" for character in checked):
        msg = (
            f"{kind}: {name} holds a blank or a character outside ASCII; "
            "try: copy it again, it is one word"
        )
        raise OptionError(msg)
    return checked


def address(kind: str, name: str, value: object) -> str:
    """Return ``value`` if it is an HTTPS address; HTTP is for this machine itself only."""
    url = word(kind, name, value)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        msg = f"{kind}: {name} is no address; try: https:// and a host name in front"
        raise OptionError(msg)
    if "@" in parts.netloc:
        msg = f"{kind}: {name} holds a user name; try: an Authorization header instead"
        raise OptionError(msg)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        msg = f"{kind}: {name} is not encrypted; try: https://"
        raise OptionError(msg)
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
