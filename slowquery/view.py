"""The words of a result, whatever the medium: figures, names and sentences, not yet placed.

Everything a person reads is decided here, in plain Python, and stands in a frozen
:class:`View`. Foreign text (names, fingerprints, what AWS says) is on one line and holds
nothing that acts; where a medium has markup, it gives a function that quotes names.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Final, NamedTuple

from slowquery import words
from slowquery.model import Also, Coverage, Digest, Engine, Failure, Query, Result, Sort
from slowquery.settings import Instance, Settings
from slowquery.window import iso

P95_FROM: Final = 20
"""Events from which on a 95th percentile says more than the maximum."""

ALERTS: Final = 10
"""Failures and losses that are shown, of more the first."""

LOCKED: Final = 10
"""Waiting for locks is worth a word from this percentage of the time on."""

PREPARED: Final = 10
"""Parsing and binding are worth a word from this percentage of the time on."""

EXAMINED: Final = 1_000
"""Rows examined each time are worth a word from here on, where no rows were sent."""

_NAMED: Final = 3
"""Instances that are named in a sentence, of more the first; of an instance's losses as many."""
_NAMES: Final = 2
"""Databases, users and hosts that are named in a line, of each the most frequent."""
_COUNTED: Final = 5
"""The same in a query's facts, where how often is said too."""
_TITLE: Final = 120
"""Columns for kind and tables."""
_GIST: Final = 240
"""Columns of a notification; a phone shows fewer."""
_NO_NAME: Final = "Slow queries"
_ALSO: Final[tuple[tuple[Also, str, str], ...]] = (
    ("errors", "error", "errors"),
    ("lock_waits", "long wait for a lock", "long waits for locks"),
    ("temporary_files", "temporary file", "temporary files"),
    ("plans", "plan of auto_explain", "plans of auto_explain"),
)
_RANKED: Final[Mapping[Sort, str]] = {
    "query_time": "",
    "count": ", ranked by count",
    "mean": ", ranked by mean",
    "max": ", ranked by max",
    "p95": ", ranked by p95",
    "lock_time": ", ranked by time waiting for locks",
    "rows_examined": ", ranked by rows examined",
    "rows_sent": ", ranked by rows sent",
}


class Row(NamedTuple):
    """What a table says of one query, or of all that are not listed; ``time`` is in µs."""

    rank: str
    label: str
    time: int
    cells: tuple[str, ...]


class QueryView(NamedTuple):
    """The words of one query class; ``context`` hints at causes and says who asks."""

    row: Row
    title: str
    context: tuple[str, ...]
    fingerprint: str
    facts: tuple[tuple[str, str], ...]


class DigestView(NamedTuple):
    """The words of a digest with slow queries; ``tail`` stands for those not listed.

    ``command`` has a line for each that it is broken into.
    """

    title: str
    summary: str
    queries: tuple[QueryView, ...]
    tail: Row | None
    coverage: str
    command: tuple[str, ...]

    @property
    def rows(self) -> list[Row]:
        """All rows, the tail last."""
        return [*(query.row for query in self.queries), *([self.tail] if self.tail else [])]


class View(NamedTuple):
    """The words of a result.

    ``digests`` are those with slow queries, the slowest first; where they are several,
    ``overview`` has for each its name, total, count, maximum, and the share and the label of
    its heaviest query. ``mark`` tells good from bad at a glance, ``gist`` is for a phone.
    """

    mark: str
    title: str
    gist: str
    overview: tuple[tuple[str, ...], ...]
    digests: tuple[DigestView, ...]
    others: str
    alerts: tuple[str, ...]
    coverage: str


class _Style(NamedTuple):
    """What an operator and a medium decide of the words."""

    settings: Settings
    most: int | None
    id_digits: int | None
    quoted: Callable[[str], str]
    instances: Mapping[str, Instance]
    """Those whose cluster or role was found, by name."""

    @property
    def zone(self) -> tzinfo:
        if self.settings.timezone == "UTC":
            return UTC
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - most runs show UTC and do not pay for it

        return ZoneInfo(self.settings.timezone)


def of(
    result: Result,
    settings: Settings,
    *,
    most: int | None = None,
    id_digits: int | None = None,
    quoted: Callable[[str], str] = str,
) -> View:
    """Return the words of ``result``.

    ``most`` is how many queries of a digest are shown, ``id_digits`` how much of their ids
    stands in their context; ``quoted`` marks a name as one that is not ours.
    """
    found = {each.name: each for each in settings.instances if each.cluster or each.role}
    style = _Style(settings, most, id_digits, quoted, found)
    slow = sorted(
        (digest for digest in result.digests if digest.totals.count),
        key=lambda digest: (-digest.totals.query_time_sum, digest.instance or ""),
    )
    slow = _by_cluster(slow, style)
    mark, title = _title(result, slow, style)
    alerts = [*map(_failure, result.failures), *_losses(result.digests)]
    if more := len(alerts[ALERTS:]):
        alerts[ALERTS:] = [f"The result names {more:,} more of these."]
    return View(
        mark=mark,
        title=title,
        gist=_gist(title, slow, len(result.failures)),
        overview=tuple(_overview(slow, style)) if len(slow) > 1 else (),
        digests=tuple(_digest(digest, style) for digest in slow),
        others=_others(result, style),
        alerts=tuple(alerts),
        coverage=_coverage(result.digests),
    )


# A result


def _title(result: Result, slow: Sequence[Digest], style: _Style) -> tuple[str, str]:
    """Return the mark and the first line: which database, which hour, how bad."""
    read = slow or result.digests
    names = [digest.instance for digest in read] or [
        *(failure.where for failure in result.failures),
        *(status.instance for status in result.statuses),
    ]
    if len(names) == 1:
        who = _name(names[0], style)
    elif slow and len(slow) < len(result.digests):
        who = f"{len(slow):,} of {len(result.digests):,} instances"
    else:
        who = f"{len(names):,} instances" if names else _NO_NAME
    if slow:
        mark, verdict = "🐢", f"{_total(*slow)} of slow time"
    elif not read:
        mark, verdict = "⚠" if result.failures else "✓", "nothing was read"
    elif result.failures or any(digest.coverage.is_doubtful for digest in read):
        mark, verdict = "⚠", "nothing slow in what could be read"
    else:
        mark, verdict = "✓", "nothing slow"
    when = [words.span(result.window, style.zone)] if result.window else []
    return mark, " · ".join([who, *when, verdict])


def _gist(title: str, slow: Sequence[Digest], failures: int) -> str:
    """Return what a phone shows: the first line, and where most of it comes from."""
    gist = title
    if len(slow) > 1:
        times = [digest.totals.query_time_sum for digest in slow]
        share = words.percent(times[0], sum(times))
        gist += f", {share} of it on {words.name(slow[0].instance or _NO_NAME)}"
    elif slow:
        gist += ", {} of it {}".format(*_heaviest(slow[0]))
    if failures:
        gist += f" · {words.number_of(failures, 'failure', 'failures')}"
    return words.cut(gist, _GIST)


def _overview(slow: Sequence[Digest], style: _Style) -> Iterator[tuple[str, ...]]:
    for digest in slow:
        share, label = _heaviest(digest)
        count = f"{digest.totals.count:,}×"
        yield _name(digest.instance, style), _total(digest), count, _max(digest), share, label


def _heaviest(digest: Digest) -> tuple[str, str]:
    """Return the share and the name of the query that took most, of those that are listed."""
    if not digest.queries:
        return "100 %", words.number_of(digest.totals.distinct, "kind", "kinds")
    query = max(digest.queries, key=lambda query: query.query_time.sum)
    return _share(query.query_time.sum, digest), words.cut(_label(query), _TITLE)


def _others(result: Result, style: _Style) -> str:
    """Say which instances have no digest of their own here, and why."""
    quiet = [_name(digest.instance, style) for digest in result.digests if not digest.totals.count]
    is_mixed = len(quiet) < len(result.digests)
    sentences = [f"Nothing slow on {words.some(quiet, _NAMED)}."] if quiet and is_mixed else []
    states: dict[str, list[str]] = {}
    for status in result.statuses:
        states.setdefault(status.state, []).append(_name(status.instance, style))
    for state, names in states.items():
        are = "is" if len(names) == 1 else "are"
        sentences.append(
            f"{words.some(names, _NAMED)} {are} {style.quoted(words.one_line(state))}."
        )
    return " ".join(sentences)


def _failure(failure: Failure) -> str:
    where, what, why, hint = map(
        words.one_line, (failure.where, failure.what, failure.why, failure.hint)
    )
    return f"{where}: {what}: {why}\nTry: {hint}"


def _losses(digests: Sequence[Digest]) -> Iterator[str]:
    """Say what is known to be missing, an alert for each instance."""
    for digest in digests:
        lines = [
            f"{'some' if loss.size is None else words.size(loss.size)} of "
            f"{words.name(loss.file)} is missing: {words.one_line(loss.reason)}"
            for loss in digest.coverage.losses[:_NAMED]
        ]
        if more := len(digest.coverage.losses) - len(lines):
            lines.append(f"and {words.number_of(more, 'more loss', 'more losses')}")
        if lines:
            yield f"{words.name(digest.instance or _NO_NAME)}: " + "\n".join(lines)


def _coverage(digests: Sequence[Digest]) -> str:
    """Say what was read, what of it may be wrong, what was left out of the figures, and why."""
    if not digests:
        return ""
    coverages = [digest.coverage for digest in digests]
    folded = sum(digest.events_folded for digest in digests)
    also = sum((Counter(coverage.also) for coverage in coverages), Counter[Also]())
    return " ".join(
        [
            _read(coverages),
            *_no_event(digests),
            *_doubts(coverages, folded),
            *_wanting(also),
            *_left_out(coverages),
            *_told(also),
        ]
    )


_IF_A_SURPRISE: Final[Mapping[Engine, str]] = {
    "mysql": (
        "log_output=TABLE? slow_query_log=0? long_query_time too high? "
        "See docs/troubleshooting.md#nothing-is-ever-slow."
    ),
    "postgresql": (
        "log_min_duration_statement=-1, or too high? See docs/troubleshooting.md#postgresql."
    ),
}


def _no_event(digests: Sequence[Digest]) -> Iterator[str]:
    """Say where to look if there is no event at all; a banner alone has causes of its own."""
    coverages = [digest.coverage for digest in digests]
    if any(coverage.events for coverage in coverages):
        return
    engines = sorted({digest.engine for digest in digests})
    is_clean = not any(coverage.bytes_skipped or coverage.losses for coverage in coverages)
    is_banner = engines == ["mysql"] and is_clean and any(found.bytes_read for found in coverages)
    held = "nothing in it but the server's banner" if is_banner else "no event in it"
    yield f"There is {held}. If that is a surprise:"
    yield from (_IF_A_SURPRISE[engine] for engine in engines)


def _read(coverages: Sequence[Coverage]) -> str:
    number = sum(coverage.files for coverage in coverages)
    if not number:
        return "There was no log file to read."
    total = words.size(sum(coverage.bytes_read for coverage in coverages))
    read = f"{total} of {words.number_of(number, 'log file', 'log files')}"
    if all(coverage.complete for coverage in coverages):
        return f"Read all {read}."
    if any(coverage.losses for coverage in coverages):
        return f"Read {read}, not all of it."
    return f"Read {read}, to which more may come."


def _doubts(coverages: Sequence[Coverage], folded: int) -> Iterator[str]:
    sampled = max(coverage.sampled for coverage in coverages)
    if sampled > 1:
        yield f"The log is a sample, one event of {sampled:,}: the truth is larger."
    if cut := sum(coverage.events_truncated for coverage in coverages):
        yield f"{words.number_of(cut, 'statement was', 'statements were')} cut short or not closed."
    if unreadable := sum(coverage.events_unreadable for coverage in coverages):
        yield f"{words.number_of(unreadable, 'event', 'events')} could not be read."
    if repeated := sum(coverage.events_possibly_repeated for coverage in coverages):
        yield f"{words.number_of(repeated, 'event', 'events')} may be counted twice."
    if folded:
        events = words.number_of(folded, "event stands", "events stand")
        yield f"{events} in the totals alone: there are too many kinds."


def _wanting(also: Counter[Also]) -> Iterator[str]:
    """Say what a server should log and does not."""
    if unnamed := also["durations_without_text"]:
        durations = words.number_of(unnamed, "duration stands", "durations stand")
        yield (
            f"{durations} without a statement, and a parse, a bind and an execution look alike "
            "there: set log_min_duration_statement, and log_duration=off."
        )
    if displaced := also["times_of_another_zone"]:
        times = words.number_of(displaced, "time is", "times are")
        yield f"{times} in a zone that nobody can tell from its name: set log_timezone=UTC."


def _told(also: Counter[Also]) -> Iterator[str]:
    """Say what else the log tells of."""
    told = [words.number_of(also[kind], one, more) for kind, one, more in _ALSO if also[kind]]
    if told:
        yield f"The log also tells of {', '.join(told)}."


def _left_out(coverages: Sequence[Coverage]) -> Iterator[str]:
    events, sizes = Counter[str](), Counter[str]()
    for coverage in coverages:
        events["administrator commands"] += coverage.events_administrator
        events.update(coverage.excluded)
        events["outside the window"] += coverage.events_outside_window
        sizes.update(coverage.skipped)
    if listed := [f"{count:,} {words.one_line(why)}" for why, count in events.items() if count]:
        yield f"Not counted: {', '.join(listed)}."
    if listed := [f"{words.size(n)} {words.one_line(why)}" for why, n in sizes.items() if n]:
        yield f"Skipped: {', '.join(listed)}."


# A digest


def _digest(digest: Digest, style: _Style) -> DigestView:
    totals = digest.totals
    listed = digest.queries[: style.most]
    when = [words.span(digest.window, style.zone)] if digest.window else []
    logged = f"logged from {words.duration(totals.query_time_min or 0)} up"
    if digest.coverage.sampled > 1:
        logged += f", one event of {digest.coverage.sampled:,}"
    return DigestView(
        title=" · ".join([_name(digest.instance, style), *when, f"{_total(digest)} of slow time"]),
        summary=", ".join(
            [
                words.number_of(totals.count, "slow query", "slow queries"),
                words.number_of(totals.distinct, "kind", "kinds") + _and_more(digest),
                f"worst {_max(digest)} ({logged})",
            ]
        )
        + _RANKED[style.settings.sort],
        queries=tuple(_query(rank, query, digest, style) for rank, query in enumerate(listed, 1)),
        tail=_tail(digest, listed),
        coverage=_coverage([digest]),
        command=_command(digest),
    )


def _tail(digest: Digest, listed: Sequence[Query]) -> Row | None:
    """Return one row for all that is not listed."""
    count = digest.totals.count - sum(query.count for query in listed)
    if not count:
        return None
    time = digest.totals.query_time_sum - sum(query.query_time.sum for query in listed)
    kinds = digest.queries_omitted + len(digest.queries) - len(listed)
    label = words.number_of(kinds, "other kind", "other kinds") + _and_more(digest)
    mean = words.duration(round(time / count))
    cells = (_share(time, digest), words.duration(time), f"{count:,}×", mean, "", "")
    return Row("", label, time, cells)


def _cells(query: Query, digest: Digest) -> tuple[str, ...]:
    time = query.query_time
    return (
        _share(time.sum, digest),
        words.duration(time.sum),
        f"{query.count:,}×",
        words.duration(round(time.mean)),
        words.duration(time.p95) if query.count >= P95_FROM else "",
        words.duration(time.max),
    )


def _and_more(digest: Digest) -> str:
    """Say that the kinds that were told apart are not all."""
    return " and more" if digest.events_folded else ""


def _query(rank: int, query: Query, digest: Digest, style: _Style) -> QueryView:
    label = words.cut(_label(query), _TITLE)
    cells = _cells(query, digest)
    return QueryView(
        row=Row(str(rank), label, query.query_time.sum, cells),
        title=f"{rank} · {label} · {cells[0]}",
        context=tuple(_context(query, style)),
        fingerprint=words.one_line(query.fingerprint),
        facts=tuple(_facts(query, style)),
    )


def _label(query: Query) -> str:
    """Return ``SELECT orders, customers``, or the statement itself where it names no table."""
    if query.tables:
        return words.one_line(f"{query.kind} {', '.join(query.tables)}")
    return words.one_line(query.fingerprint) or query.kind


def _context(query: Query, style: _Style) -> Iterator[str]:
    """Yield what hints at the cause, then who asks, then the id."""
    if query.rows_examined:
        examined = query.rows_examined.sum
        if query.rows_sent and query.rows_sent.sum:
            yield f"{words.ratio(examined, query.rows_sent.sum)} rows examined per row sent"
        elif examined >= EXAMINED * query.count:
            yield f"{words.ratio(examined, query.count)} rows examined each time"
    locked, time = query.lock_time, query.query_time.sum
    if locked and time and 100 * locked.sum >= LOCKED * time:
        yield f"{words.percent(locked.sum, time)} of it waiting for locks"
    steps = sum(step.sum for step in (query.parse_time, query.bind_time) if step)
    if steps and 100 * steps >= PREPARED * time:
        yield f"{words.duration(steps)} to parse and bind it"
    for what, names in _who(query, style):
        shown = words.some([style.quoted(words.name(name)) for name in names], _NAMES)
        yield f"{what} {shown}"
    yield style.quoted(query.query_id[: style.id_digits])


def _who(query: Query, style: _Style) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Yield the kinds of names that may be shown and the names that each has."""
    if query.databases:
        yield "database", query.databases
    if query.users:
        yield "user", query.users
    if query.hosts and style.settings.show_hosts:
        yield "host", query.hosts
    yield from query.tags.items()


def _facts(query: Query, style: _Style) -> Iterator[tuple[str, str]]:
    yield "Query id", query.query_id
    yield "Count", f"{query.count:,}×"
    time = query.query_time
    figures = [("mean", round(time.mean))]
    if query.count >= P95_FROM:
        figures += [("p50", time.p50), ("p95", time.p95)]
    figures += [("max", time.max)]
    each = [f"{name} {words.duration(micros)}" for name, micros in figures]
    yield "Time", " · ".join([words.duration(time.sum), *each])
    if query.lock_time and query.lock_time.sum:
        locks = query.lock_time
        yield "Locks", f"{words.duration(locks.sum)} · max {words.duration(locks.max)}"
    for name, step in (("Parse", query.parse_time), ("Bind", query.bind_time)):
        if step and step.sum:
            yield name, f"{words.duration(step.sum)} · max {words.duration(step.max)}"
    for name, rows in (("Rows sent", query.rows_sent), ("Rows examined", query.rows_examined)):
        if rows and rows.sum:
            mean = words.ratio(rows.sum, query.count)
            yield name, f"{rows.sum:,} · mean {mean} · max {rows.max:,}"
        elif rows:
            yield name, "none"
    for what, names in _who(query, style):
        shown = [f"{words.name(name)} {count:,}×" for name, count in names.items()]
        yield what.capitalize(), words.some(shown, _COUNTED)
    if query.first_seen is not None and query.last_seen is not None:
        yield "First seen", words.moment(query.first_seen, style.zone)
        yield "Last seen", words.moment(query.last_seen, style.zone)


def _name(instance: str | None, style: _Style) -> str:
    if instance is None:
        return _NO_NAME
    found = style.instances.get(instance)
    part = " of ".join(filter(None, (found.role or "part", found.cluster))) if found else ""
    return style.quoted(words.name(instance)) + (f" ({part})" if part else "")


def _by_cluster(slow: Sequence[Digest], style: _Style) -> list[Digest]:
    """Put the instances of a cluster together, where its slowest stands."""
    groups: dict[str, list[Digest]] = {}
    for digest in slow:
        name = digest.instance or ""
        found = style.instances.get(name)
        groups.setdefault((found.cluster if found else None) or name, []).append(digest)
    return [digest for group in groups.values() for digest in group]


def _total(*digests: Digest) -> str:
    return words.duration(sum(digest.totals.query_time_sum for digest in digests))


def _max(digest: Digest) -> str:
    return words.duration(digest.totals.query_time_max or 0)


def _share(micros: int, digest: Digest) -> str:
    return words.percent(micros, digest.totals.query_time_sum)


def _command(digest: Digest) -> tuple[str, ...]:
    """Return the command that shows this digest again, with every query."""
    if digest.instance is None:
        return ()
    command = shlex.join(["slowquery", "run", "--instance", digest.instance, "--limit", "0"])
    if not digest.window:
        return (words.one_line(command),)
    since, until = (
        moment.replace(":00Z", "Z") for moment in map(iso, (digest.window.start, digest.window.end))
    )
    return words.one_line(command) + " \\", f"  --since {since} --until {until}"
