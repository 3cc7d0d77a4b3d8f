"""What the markers of one file say, and where they point to.

Users report markers like ``12:210510255``: an hour and a byte offset. Nothing documents
that, so the same file can also be served with markers that count what was delivered, or
that say nothing at all.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["offsets", "counts", "opaque"]

BEGINNING = "0"
"""The marker every reading begins with."""

_OFFSET = re.compile(r"\d+:(\d+)")
_TOKEN = re.compile(r"[0-9a-f]{12}")


@dataclass(slots=True)
class Markers:
    """The markers of the file ``label``; positions are bytes from where the file begins.

    ``told`` remembers where each marker points to; with ``strict`` there are no others.
    """

    kind: Kind
    hour: int
    label: str
    strict: bool = False
    told: dict[str, int] = field(default_factory=dict)

    def at(
        self, position: int, asked: str | None = None, *, delivered: int = 0, variant: int = 0
    ) -> str:
        """The marker of ``position``, after ``asked`` was answered with ``delivered`` bytes.

        Different variants of one position are different markers.
        """
        hour = (self.hour + variant) % 24
        if self.kind == "offsets":
            marker = f"{hour}:{position}"
        elif self.kind == "counts":
            before = _OFFSET.fullmatch(asked or "")
            count = int(before[1]) if before else 0 if asked == BEGINNING else position
            marker = f"{hour}:{count + delivered}"
        else:
            seed = f"{self.label} {position} {variant}".encode()
            marker = hashlib.blake2s(seed, digest_size=6).hexdigest()
        self.told[marker] = position
        return marker

    def position(self, marker: str) -> int | None:
        """Where ``marker`` points to, ``None`` if it is a token of another file.

        A client may make up an offset in order to step over what it cannot get: it counts
        from the nearest marker that was told. Raises ValueError if it is no marker.
        """
        if marker == BEGINNING:
            return 0
        if marker in self.told:
            return self.told[marker]
        made_up = _OFFSET.fullmatch(marker)
        if made_up and self.kind != "opaque" and not self.strict:
            known = {int(token.partition(":")[2]): at for token, at in self.told.items()}
            nearest = max((count for count in known if count <= int(made_up[1])), default=0)
            return known.get(nearest, 0) + int(made_up[1]) - nearest
        if self.kind == "opaque" and _TOKEN.fullmatch(marker):
            return None
        message = f"The marker {marker!r} is not valid."
        raise ValueError(message)
