"""Batches to query classes: sums, extremes and sketches, one set for each fingerprint.

The table is mergeable and does not depend on order: whatever way the events are cut into
batches or shared out among workers, the merged table says the same, as long as its classes
stay below its limits. Above them, events of classes that found no place are in the totals
alone, and how many there were is said. Everything is integers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, Protocol, TypeVar

from slowquery import sketch
from slowquery.fingerprint import Fingerprint, Fingerprinter
from slowquery.model import Also, Batch, Client, Window

CLASS_LIMIT: Final = 10_000
"""Query classes that a table holds."""

TEXT_LIMIT: Final = 8 * 1024 * 1024
"""Characters of fingerprints that a table holds."""

NAME_LIMIT: Final = 1_000
"""Names of databases, users and hosts that a class tells apart, of each."""

OTHER_NAMES: Final = "(others)"
"""Stands for the names beyond a limit."""

IGNORED: Final = "ignored by settings"
"""Why events are excluded that a :class:`Selection` ignores."""

_ABOVE_ALL: Final = 2**64
"""More than any figure: readers leave out what is as large as this, for it has wrapped."""


class Selection(NamedTuple):
    """Which events count: those of the window that nobody asked to leave out.

    ``window`` is ``None`` for all of a log. Query ids are whole (32 hex digits) or their
    last 16, upper case.
    """

    window: Window | None = None
    ignored_users: frozenset[str] = frozenset()
    ignored_databases: frozenset[str] = frozenset()
    ignored_query_ids: frozenset[str] = frozenset()

    @property
    def ignores_some(self) -> bool:
        """Whether settings leave out anybody, or any database."""
        return bool(self.ignored_users or self.ignored_databases)

    def ignores(self, client: Client, database: str) -> bool:
        """Say whether settings leave out what this client did in this database."""
        return client.user in self.ignored_users or database in self.ignored_databases

    def ignores_query(self, query_id: str) -> bool:
        """Say whether settings leave out this query, by its id or the end of it."""
        return query_id in self.ignored_query_ids or query_id[16:] in self.ignored_query_ids


_T = TypeVar("_T")


class Buckets(NamedTuple):
    """The columns of buckets (see ``slowquery.sketch``) that durations of a batch fall into."""

    query_time: Sequence[int]
    lock_time: Sequence[int]

    @classmethod
    def of(cls, batch: Batch) -> Buckets:
        """Return those of a batch; a duration that is not logged has none."""
        return cls(sketch.buckets(batch.query_time), sketch.buckets(batch.lock_time or ()))


class Pick(Protocol):
    """Takes the events of one query class out of a column of a batch."""

    def __call__(self, column: Sequence[_T], /) -> Sequence[_T]:
        """Return their values, in order."""


class Figure:
    """One figure of the events of a class: a duration in microseconds, or rows."""

    __slots__ = ("max", "min", "sketch", "sum")

    def __init__(self) -> None:
        self.sum = 0
        self.min = _ABOVE_ALL
        self.max = 0
        self.sketch: Counter[int] = Counter()

    def add(self, values: Sequence[int], buckets: Sequence[int] = ()) -> None:
        """Count the values of at least one event, and the buckets they fall into."""
        self.sum += sum(values)
        least, most = min(values), max(values)
        self.min, self.max = min(self.min, least), max(self.max, most)
        if buckets:  # rows have none, and an update with nothing costs as much as some values
            self.sketch.update(buckets)

    def merge(self, other: Figure) -> None:
        """Count what another figure has counted."""
        self.sum += other.sum
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)
        self.sketch.update(other.sketch)


class Names(dict[str, int]):
    """How many events each name had; events without a name are not counted.

    Of more than ``NAME_LIMIT`` names, those that come first in the alphabet are told apart,
    for these are the same in whatever order names come. The rest is ``OTHER_NAMES``.
    """

    __slots__ = ()

    def add(self, name: str, count: int) -> None:
        """Count events of one name."""
        if name:
            self[name] = self.get(name, 0) + count
            # Twice the limit, so that a name is not sorted each time one comes.
            if len(self) > 2 * NAME_LIMIT:
                kept = self.kept()
                self.clear()
                self.update(kept)

    def merge(self, other: Names) -> None:
        """Count what another one has counted."""
        for name, count in other.items():
            self.add(name, count)

    def kept(self) -> dict[str, int]:
        """Return the names that are told apart, and the others as one."""
        names = sorted(self.keys() - {OTHER_NAMES})
        kept = {name: self[name] for name in names[:NAME_LIMIT]}
        if others := sum(self.values()) - sum(kept.values()):
            kept[OTHER_NAMES] = others
        return kept


class QueryStats:
    """What is known of one query class; a figure without values is one that is not logged.

    ``first_seen`` and ``last_seen`` are microseconds since the epoch.
    """

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.count = 0
        self.query_time = Figure()
        self.lock_time: Figure | None = None
        self.rows_sent: Figure | None = None
        self.rows_examined: Figure | None = None
        self.parse_time: Figure | None = None
        self.bind_time: Figure | None = None
        self.databases = Names()
        self.users = Names()
        self.hosts = Names()
        self.tags: dict[str, Names] = {}
        self.first_seen: int | None = None
        self.last_seen: int | None = None

    def add(self, pick: Pick, batch: Batch, buckets: Buckets) -> None:
        """Count the events, at least one, that ``pick`` takes out of a batch."""
        self.expect(batch)
        query_time = pick(batch.query_time)
        self.count += len(query_time)
        self.query_time.add(query_time, pick(buckets.query_time))
        if batch.lock_time is not None and self.lock_time:
            self.lock_time.add(pick(batch.lock_time), pick(buckets.lock_time))
        if batch.rows_sent is not None and self.rows_sent:
            self.rows_sent.add(pick(batch.rows_sent))
        if batch.rows_examined is not None and self.rows_examined:
            self.rows_examined.add(pick(batch.rows_examined))
        if batch.parse_time is not None and self.parse_time:
            self.parse_time.add(pick(batch.parse_time))
        if batch.bind_time is not None and self.bind_time:
            self.bind_time.add(pick(batch.bind_time))
        ended = pick(batch.ended_at)
        known = [moment for moment in ended if moment is not None]
        if known:
            self.seen(min(known), max(known))

    def expect(self, batch: Batch) -> None:
        """Have a figure, without values yet, for whatever is logged of the batch's events."""
        if batch.lock_time is not None and self.lock_time is None:
            self.lock_time = Figure()
        if batch.rows_sent is not None and self.rows_sent is None:
            self.rows_sent = Figure()
        if batch.rows_examined is not None and self.rows_examined is None:
            self.rows_examined = Figure()
        if batch.parse_time is not None and self.parse_time is None:
            self.parse_time = Figure()
        if batch.bind_time is not None and self.bind_time is None:
            self.bind_time = Figure()

    def merge(self, other: QueryStats) -> None:
        """Count what another one has counted of the same class."""
        self.count += other.count
        self.query_time.merge(other.query_time)
        self.lock_time = _merged(self.lock_time, other.lock_time)
        self.rows_sent = _merged(self.rows_sent, other.rows_sent)
        self.rows_examined = _merged(self.rows_examined, other.rows_examined)
        self.parse_time = _merged(self.parse_time, other.parse_time)
        self.bind_time = _merged(self.bind_time, other.bind_time)
        self.databases.merge(other.databases)
        self.users.merge(other.users)
        self.hosts.merge(other.hosts)
        for key, values in other.tags.items():
            self.tags.setdefault(key, Names()).merge(values)
        self.seen(other.first_seen, other.last_seen)

    def seen(self, first: int | None, last: int | None) -> None:
        """Stretch the span in which the class was seen."""
        if first is not None and (self.first_seen is None or first < self.first_seen):
            self.first_seen = first
        if last is not None and (self.last_seen is None or last > self.last_seen):
            self.last_seen = last


def _merged(one: Figure | None, other: Figure | None) -> Figure | None:
    if other is None:
        return one
    merged = one or Figure()
    merged.merge(other)
    return merged


class Account:
    """What became of the bytes and events that were read."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self.skipped: Counter[str] = Counter()
        self.administrator = 0
        self.excluded: Counter[str] = Counter()
        self.outside_window = 0
        self.unreadable = 0
        self.truncated = 0
        self.possibly_repeated = 0
        self.sampled = 1
        self.also: Counter[Also] = Counter()

    def add(self, batch: Batch) -> None:
        """Take over what a reader has accounted for."""
        self.bytes_read += batch.bytes_read
        self.skipped.update(batch.bytes_skipped)
        self.administrator += batch.events_administrator
        self.excluded.update(batch.events_excluded)
        self.unreadable += batch.events_unreadable
        self.possibly_repeated += batch.events_possibly_repeated
        self.sampled = max(self.sampled, batch.sampled)

    def merge(self, other: Account) -> None:
        """Add what another account holds."""
        self.bytes_read += other.bytes_read
        self.skipped.update(other.skipped)
        self.administrator += other.administrator
        self.excluded.update(other.excluded)
        self.outside_window += other.outside_window
        self.unreadable += other.unreadable
        self.truncated += other.truncated
        self.possibly_repeated += other.possibly_repeated
        self.sampled = max(self.sampled, other.sampled)
        self.also.update(other.also)


class AnyFingerprinter(Protocol):
    """Turns statements into fingerprints, in the SQL of some engine."""

    def fingerprints(self, statements: Sequence[bytes]) -> list[Fingerprint]:
        """Return the fingerprint of each statement."""
        ...

    def tags(self, statement: bytes, keys: frozenset[str]) -> list[tuple[str, str]]:
        """Return the tags of a statement whose keys are wanted, as they come."""
        ...


class Table:
    """The query classes of one instance's events, bounded in number and in text.

    ``folded`` holds the figures of the events whose class found no place.
    """

    def __init__(
        self,
        selection: Selection,
        fingerprinter: AnyFingerprinter | None = None,
        *,
        tag_keys: frozenset[str] = frozenset(),
        class_limit: int = CLASS_LIMIT,
        text_limit: int = TEXT_LIMIT,
    ) -> None:
        self.classes: dict[str, QueryStats] = {}
        self.folded = QueryStats(Fingerprint(""))
        self.account = Account()
        self._selection = selection
        self._fingerprinter = fingerprinter or Fingerprinter()
        self._tag_keys = tag_keys
        self._class_limit = class_limit
        self._text_left = text_limit

    def add(self, batch: Batch) -> None:
        """Count the events of a batch."""
        self.account.add(batch)
        # So that a log without events still tells zero from what it never tells.
        self.folded.expect(batch)
        self.account.also.update(self._also(batch))
        batch = self._not_ignored(self._in_window(batch))
        fingerprints = self._fingerprinter.fingerprints(batch.statements)
        places: dict[Fingerprint, QueryStats] = {}
        buckets = Buckets.of(batch)
        for fingerprint, pick in _picks(fingerprints):
            if self._selection.ignores_query(fingerprint.query_id):
                self.account.excluded[IGNORED] += len(pick(fingerprints))
                continue
            if fingerprint.truncated:
                self.account.truncated += len(pick(fingerprints))
            stats = places[fingerprint] = self._class(fingerprint)
            stats.add(pick, batch, buckets)
        origins = Counter(zip(fingerprints, batch.clients, batch.databases, strict=True))
        for (fingerprint, client, database), count in origins.items():
            if place := places.get(fingerprint):
                place.databases.add(database, count)
                place.users.add(client.user, count)
                place.hosts.add(client.host, count)
        if self._tag_keys:
            self._add_tags(fingerprints, batch.statements, places)

    def _add_tags(
        self,
        fingerprints: list[Fingerprint],
        statements: Sequence[bytes],
        places: dict[Fingerprint, QueryStats],
    ) -> None:
        for fingerprint, statement in zip(fingerprints, statements, strict=True):
            place = places.get(fingerprint)
            if place and b"/*" in statement:
                for key, value in self._fingerprinter.tags(statement, self._tag_keys):
                    place.tags.setdefault(key, Names()).add(value, 1)

    def merge(self, other: Table) -> None:
        """Count what another table of the same selection has counted."""
        self.account.merge(other.account)
        for stats in other.classes.values():
            self._class(stats.fingerprint).merge(stats)
        self.folded.merge(other.folded)

    def _class(self, fingerprint: Fingerprint) -> QueryStats:
        stats = self.classes.get(fingerprint.text)
        if stats is None:
            size = len(fingerprint.text)
            if len(self.classes) >= self._class_limit or size > self._text_left:
                return self.folded
            self._text_left -= size
            stats = self.classes[fingerprint.text] = QueryStats(fingerprint)
        return stats

    def _also(self, batch: Batch) -> Iterator[Also]:
        """Yield what else was told within the window, of nobody who is ignored."""
        also, window = batch.also, self._selection.window
        if window is not None:
            also = [one for one in also if one.at is None or window.start <= one.at < window.end]
        if self._selection.ignores_some:
            also = [one for one in also if not self._selection.ignores(one.client, one.database)]
        return map(itemgetter(0), also)

    def _in_window(self, batch: Batch) -> Batch:
        """Leave out what is not of the window.

        An event whose time the log does not tell cannot be placed. It counts as unreadable:
        in a window that it may not belong to it could count twice, and nobody would see it.
        """
        window = self._selection.window
        if window is None:
            return batch
        start, end = window.start, window.end
        inside = [moment is not None and start <= moment < end for moment in batch.ended_at]
        if all(inside):
            return batch
        unplaced = batch.ended_at.count(None)
        self.account.unreadable += unplaced
        self.account.outside_window += inside.count(False) - unplaced
        return batch.select(inside)

    def _not_ignored(self, batch: Batch) -> Batch:
        if not self._selection.ignores_some:
            return batch
        origins = set(zip(batch.clients, batch.databases, strict=True))
        ignored = {origin for origin in origins if self._selection.ignores(*origin)}
        if not ignored:
            return batch
        chosen = [
            origin not in ignored for origin in zip(batch.clients, batch.databases, strict=True)
        ]
        self.account.excluded[IGNORED] += chosen.count(False)
        return batch.select(chosen)


def _picks(fingerprints: list[Fingerprint]) -> Iterator[tuple[Fingerprint, Pick]]:
    """Yield each fingerprint with what takes its events out of a column."""
    places: defaultdict[Fingerprint, list[int]] = defaultdict(list)
    for place, fingerprint in enumerate(fingerprints):
        places[fingerprint].append(place)
    for fingerprint, of_this in places.items():
        if len(of_this) > 1:
            yield fingerprint, itemgetter(*of_this)
        else:  # of one place it would return no sequence
            yield fingerprint, itemgetter(slice(of_this[0], of_this[0] + 1))
