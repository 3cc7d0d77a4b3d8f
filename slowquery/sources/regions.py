"""Regions that do not exist: one whose name is misspelt has nobody who answers.

From outside that looks like a network that is down, which passes; the name does not.
"""

from __future__ import annotations

from difflib import get_close_matches

from botocore.session import Session

from slowquery.sources.refusal import (
    Binary,
    Denied,
    Gone,
    InstanceUnavailable,
    Invalid,
    Nobody,
    NoInstance,
    SourceError,
)


class NoRegion(SourceError):
    """There is no region of this name; it says which are called nearly so."""

    def __init__(self, name: str, near: list[str]) -> None:
        super().__init__(
            f"AWS has no region {name} that is known here, and nothing answers there",
            f"mend it in the settings or in AWS_REGION: {', '.join(near) or 'eu-central-1'}",
        )


def blamed(error: SourceError, region: str | None) -> SourceError:
    """Return ``error``, or what is behind it: a region that AWS does not have.

    AWS opens regions that the library here need not know, so what AWS itself says prevails.
    """
    if isinstance(
        error, Binary | Denied | Gone | InstanceUnavailable | Invalid | Nobody | NoInstance
    ):
        return error
    library = Session()
    known = [
        name
        for partition in library.get_available_partitions()
        for name in library.get_available_regions("rds", partition)
    ]
    if not region or region in known:
        return error
    return NoRegion(region, get_close_matches(region, known))
