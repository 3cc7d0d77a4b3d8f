"""How an instance's log service behaves: documented manners by default, each fault one switch.

A fault that concerns a spot of a file takes a *place*, one that concerns calls a *burst*.
All of it is a value: the same manners over the same calls give the same answers, and
:func:`any_manners` draws a random mixture from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random
from typing import Literal, TypeAlias

from tests.sandbox.markers import Kind

Place: TypeAlias = int | float
"""Where in a file: an ``int`` is a byte offset, a ``float`` a share of the file, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Burst:
    """``times`` faults in a row once ``after`` calls were answered, again ``every`` so many.

    Only calls that were answered count, so a client that tries again gets on.
    """

    times: int
    after: int = 0
    every: int = 0

    def strikes_at(self, answered: int) -> bool:
        """Whether a run of faults stands between ``answered`` calls and the next."""
        since = answered - self.after
        return since == 0 or (self.every > 0 and since > 0 and since % self.every == 0)


@dataclass(frozen=True, slots=True)
class Manners:
    """The switches of one instance's log service; each stands alone, all combine.

    Limits, to be made small so that small files show what large ones do:
    ``portion_bytes`` and ``portion_lines`` a portion [documented: 1 MB, 10,000 lines],
    ``page_size`` files a page of the list, ``seconds_per_call`` before each answer.

    Where bytes get lost or come twice:
    ``cut_midway``: the line at each place is cut and marked as truncated unless it is the
    last of its portion; its rest is not repeated. ``rest_follows_cut``: after a cut by the
    limit the next portion goes on inside the line instead of behind it.
    ``mark_on_own_line``: the truncation mark stands on a line of its own.
    ``overlap``: each portion comes with a marker that many bytes before its end, at most
    half of its last line, so that reading gets on. ``begins_early``: each portion begins
    that many bytes before its marker, at most half of the line there. Neither leads back
    over a gap.
    ``gaps``: at each place ``gap_bytes`` bytes are never delivered.
    ``binary``: a portion that would hold the byte at one of these places is refused.
    ``live_begins_at``: MySQL's live file lacks everything before the line at this place.
    ``non_ascii="?"``: question marks for all that is not ASCII; by default U+FFFD for
    what is not UTF-8. ``raw_control``: control characters that XML forbids stand in the
    response as they are, not as question marks.

    What markers and flags say:
    ``markers="offsets"`` tell the true byte offset; ``"counts"`` count the bytes that were
    delivered, so that a gap or an overlap leaves no trace; ``"opaque"`` tell nothing.
    ``done_from``: nothing is pending any more, from this place on, although data remains.
    ``never_done``: at the end of the file something is always pending.
    ``omit_empty``: no data, or nothing pending, is a missing element.
    ``strict_markers``: markers that were never told are refused. ``echo``: data comes with
    the marker that it was asked by. ``size_off``: the list shows so many bytes more.
    ``loop``: the portion that passes the first place comes with a marker to the second.
    ``stalled``: no data, the same marker, and more pending. ``empty``: no data, another
    marker, and more pending.

    Files that move:
    ``rotate_after``: before the live file's portion of this number (from 0) is read, the
    file gets its closed name, or keeps its own as PostgreSQL's do, and a new live file
    begins. ``live_missing_for``: for so many calls after that, there is no live file.
    ``vanish_after``: once a file gave so many portions it is gone.

    Calls that fail: ``throttled``, ``unavailable`` (503), ``not_ready``, ``dropped`` (the
    connection closes without an answer), ``cut_short`` (in the middle of the answer).
    """

    portion_bytes: int = 1024 * 1024
    portion_lines: int = 10_000
    page_size: int = 100
    seconds_per_call: float = 0.0

    cut_midway: tuple[Place, ...] = ()
    rest_follows_cut: bool = False
    mark_on_own_line: bool = False
    overlap: int = 0
    begins_early: int = 0
    gaps: tuple[Place, ...] = ()
    gap_bytes: int = 100
    binary: tuple[Place, ...] = ()
    live_begins_at: Place = 0
    non_ascii: Literal["keep", "?"] = "keep"
    raw_control: bool = False

    markers: Kind = "offsets"
    done_from: Place | None = None
    never_done: bool = False
    omit_empty: bool = False
    strict_markers: bool = False
    echo: Burst | None = None
    size_off: int = 0
    loop: tuple[Place, Place] | None = None
    stalled: Burst | None = None
    empty: Burst | None = None

    rotate_after: int | None = None
    live_missing_for: int = 0
    vanish_after: int | None = None

    throttled: Burst | None = None
    unavailable: Burst | None = None
    not_ready: Burst | None = None
    dropped: Burst | None = None
    cut_short: Burst | None = None


def any_manners(seed: int, *, faults: int = 3) -> Manners:
    """Small limits and up to ``faults`` random faults; the same seed gives the same manners."""
    random = Random(seed)  # noqa: S311 - a test's dice, no secret

    def place() -> float:
        return random.uniform(0.05, 0.95)

    def places() -> tuple[Place, ...]:
        return tuple(sorted(place() for _ in range(random.randint(1, 3))))

    def burst() -> Burst:
        return Burst(random.randint(1, 2), random.randint(0, 5), random.choice((0, 4, 9)))

    dice = {
        "cut_midway": places,
        "rest_follows_cut": lambda: True,
        "mark_on_own_line": lambda: True,
        "overlap": lambda: random.randint(1, 300),
        "begins_early": lambda: random.randint(1, 300),
        "gaps": places,
        "binary": places,
        "live_begins_at": place,
        "non_ascii": lambda: "?",
        "raw_control": lambda: True,
        "markers": lambda: random.choice(("counts", "opaque")),
        "done_from": place,
        "never_done": lambda: True,
        "omit_empty": lambda: True,
        "strict_markers": lambda: True,
        "echo": burst,
        "size_off": lambda: random.choice((-1, 1)) * random.randint(1, 2000),
        "loop": lambda: (place(), random.choice((0, place()))),
        "stalled": burst,
        "empty": burst,
        "rotate_after": lambda: random.randint(0, 5),
        "live_missing_for": lambda: random.randint(1, 2),
        "vanish_after": lambda: random.randint(1, 5),
        "throttled": burst,
        "unavailable": burst,
        "not_ready": burst,
        "dropped": burst,
        "cut_short": burst,
    }
    limits = {
        "portion_bytes": random.choice((512, 4096, 65_536)),
        "portion_lines": random.choice((7, 100, 10_000)),
        "page_size": random.choice((1, 2, 100)),
        "gap_bytes": random.randint(1, 400),
    }
    drawn = random.sample(sorted(dice), random.randint(0, faults))
    return Manners(**limits, **{name: dice[name]() for name in drawn})  # type: ignore[arg-type]


FAULTS = frozenset(field.name for field in fields(Manners)) - {
    "portion_bytes",
    "portion_lines",
    "page_size",
    "seconds_per_call",
    "gap_bytes",
}
"""The names of the switches that make the service worse than its documentation."""
