"""Secrets by reference: parameters of SSM Parameter Store, opened when a channel needs them.

A value is kept for as long as the container lives, and read again when the channel that
got it says that it is wrong: a secret that was changed costs one message a second try.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from slowquery.model import Cause
from slowquery.settings import Option, Secret, SsmParameter

_HINTS: Final[Mapping[str, tuple[str, str, Cause]]] = {
    "ParameterNotFound": (
        "it does not exist",
        "create it as a SecureString in this region",
        "settings",
    ),
    "AccessDeniedException": (
        "access denied for ssm:GetParameter",
        "allow ssm:GetParameter on it, and kms:Decrypt if it has a key of its own",
        "rights",
    ),
    "ThrottlingException": ("throttled", "run it again", "elsewhere"),
}


class ParameterError(Exception):
    """A secret that could not be read: which parameter, why, and what to try."""

    def __init__(self, name: str, why: str, hint: str, cause: Cause = "elsewhere") -> None:
        super().__init__(name, why, hint, cause)
        self.what = f"ssm:{name}: {why}"
        self.hint = hint
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.what}; try: {self.hint}"


class SsmClient(Protocol):
    """What is used of boto3's client, whose class is made at run time."""

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Mapping[str, Any]:  # noqa: N803 - AWS's names
        """Return a parameter and its value."""
        ...


def references(options: Mapping[str, Option]) -> list[str]:
    """Return the names of the parameters among a channel's options."""
    return [
        value.name
        for option in options.values()
        for value in (option.values() if isinstance(option, Mapping) else (option,))
        if isinstance(value, SsmParameter)
    ]


class Parameters:
    """Reads parameters and keeps them in ``kept``, which outlives the run.

    ``connect`` is called when the first one is read: most runs do without.
    """

    def __init__(self, connect: Callable[[], SsmClient], kept: MutableMapping[str, Secret]) -> None:
        self._connect = connect
        self._kept = kept

    def open(self, options: Mapping[str, Option]) -> dict[str, object]:
        """Return a channel's options as its notifier takes them, secrets revealed."""
        return {
            name: {header: self._reveal(value) for header, value in option.items()}
            if isinstance(option, Mapping)
            else self._reveal(option)
            for name, option in options.items()
        }

    def forget(self, options: Mapping[str, Option]) -> bool:
        """Forget the parameters among ``options``; say whether there was one to forget."""
        known = [name for name in references(options) if name in self._kept]
        for name in known:
            self._kept.pop(name, None)
        return bool(known)

    def _reveal(self, option: str | Secret | SsmParameter) -> str:
        if isinstance(option, str):
            return option
        if isinstance(option, Secret):
            return option.reveal()
        if option.name not in self._kept:
            self._kept[option.name] = self._read(option.name)
        return self._kept[option.name].reveal()

    def _read(self, name: str) -> Secret:
        try:
            answer = self._connect().get_parameter(Name=name, WithDecryption=True)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            why, hint, cause = _HINTS.get(
                code, (f"refused ({code})", "look the code up in SSM's reference", "elsewhere")
            )
            raise ParameterError(name, why, hint, cause) from None
        except BotoCoreError as error:
            why = f"no answer from SSM ({type(error).__name__})"
            raise ParameterError(name, why, "check region, network and credentials") from None
        try:
            return Secret(answer["Parameter"]["Value"])
        except ValueError as error:
            hint = "write it again, without blanks"
            raise ParameterError(name, str(error), hint, "settings") from None
