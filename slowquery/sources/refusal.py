"""What RDS refuses, and why there is no answer, as errors in the words of an operator.

An error says why and what to try, and quotes nothing that AWS sent but the names of an
action and a resource: the rest may be a piece of a log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from slowquery.errors import Unreadable

_DENIED = re.compile(r"perform: (?P<action>[\w:]+)(?: on resource: (?P<arn>arn:[\w:/.*-]+))?")
_CODE = re.compile(r"[A-Za-z.]{1,60}")

DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""What services call a missing right."""


class SourceError(Unreadable):
    """AWS would not let a log be read: what failed, why, and what to try."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why, hint)
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.why}; try: {self.hint}"


class Passing(SourceError):
    """Something that the same call may get over if it is made again."""


class InstanceUnavailable(Passing):
    """The instance is stopped, starting or being changed, and shows no logs meanwhile."""

    state: Final = "not available: stopped, starting or being changed"


class Binary(SourceError):
    """A portion is refused because something in it is no text."""


class Gone(SourceError):
    """There is no file of this name now."""


class Denied(SourceError):
    """A right is missing: the error names the action and, where AWS does, the resource."""


class Nobody(SourceError):
    """AWS does not accept who asks, whatever is asked."""


class NoInstance(SourceError):
    """There is no instance of this name where it was asked for."""


class Invalid(SourceError):
    """A parameter is refused: a marker, where the others have been taken before."""


def refusal(code: str, message: str, *, action: str, instance: str) -> SourceError:
    """Return the error for a code on the wire; ``action`` is one as policies name it."""
    if code in DENIED:
        return _denied(message, action, instance)
    if code == "InvalidParameterValue" and "binary data" in message:
        return Binary("RDS refuses the file for its binary data", "download it by hand")
    if code in REFUSALS:
        kind, why, hint = REFUSALS[code]
        return kind(why.format(instance=instance), hint.format(instance=instance))
    named = code if _CODE.fullmatch(code) else "an unknown error"
    kind = Passing if code.startswith("Internal") else SourceError
    return kind(f"RDS refused the call ({named})", "look the code up in the RDS API guide")


def _denied(message: str, action: str, instance: str) -> SourceError:
    """Name what is missing as AWS's message does, which need not name the resource."""
    found = _DENIED.search(message)
    action = found["action"] if found else action
    arn = (found and found["arn"]) or f"the instance {instance}"
    hint = f"allow {action} on it; see docs/troubleshooting.md#access-denied"
    return Denied(f"access denied for {action} on {arn}", hint)


_NO_INSTANCE: Final = (
    NoInstance,
    "there is no instance {instance} in this region",
    (
        "the id of an instance and not of a cluster, whose instances each have one, "
        "and the region in the settings"
    ),
)
_THROTTLED: Final = (
    Passing,
    "RDS throttles the calls",
    "run it again, at another minute, or for fewer instances at once",
)
_AWAY: Final = (Passing, "RDS is not available", "run it again; look at the AWS Health Dashboard")
_NOBODY: Final = (
    Nobody,
    "AWS does not accept the credentials",
    "sign in again, or AWS_PROFILE=…; a region must be enabled for the account",
)
_INVALID: Final = (
    Invalid,
    "RDS does not accept what it is asked for {instance}",
    "the id of the instance in the settings: letters, digits and hyphens",
)
REFUSALS: Final[Mapping[str, tuple[type[SourceError], str, str]]] = {
    "DBInstanceNotFound": _NO_INSTANCE,
    "DBInstanceNotFoundFault": _NO_INSTANCE,
    "DBInstanceNotReady": (
        InstanceUnavailable,
        "the instance is stopped, starting or being changed",
        "run it again once it is available",
    ),
    "DBLogFileNotFoundFault": (Gone, "the file is not there any more", "run it again"),
    "AuthFailure": _NOBODY,
    "ExpiredToken": _NOBODY,
    "ExpiredTokenException": _NOBODY,
    "IncompleteSignature": _NOBODY,
    "InvalidClientTokenId": _NOBODY,
    "OptInRequired": _NOBODY,
    "SignatureDoesNotMatch": _NOBODY,
    "UnrecognizedClientException": _NOBODY,
    "InvalidParameterCombination": _INVALID,
    "InvalidParameterValue": _INVALID,
    "ValidationError": _INVALID,
    "RequestLimitExceeded": _THROTTLED,
    "RequestThrottled": _THROTTLED,
    "Throttling": _THROTTLED,
    "ThrottlingException": _THROTTLED,
    "TooManyRequestsException": _THROTTLED,
    "502": _AWAY,
    "503": _AWAY,
    "504": _AWAY,
    "ServiceUnavailable": _AWAY,
}
"""What a code on the wire means to an operator: the error, why, and what to try."""
