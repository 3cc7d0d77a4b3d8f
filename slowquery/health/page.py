"""Checks as a person reads them, as a message and as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import groupby
from typing import Any, Final, TypeAlias

from notifiers.message import Alert, Footnote, Heading, Message, Paragraph, Part
from notifiers.visible import columns
from slowquery import words
from slowquery.health.check import Check, Status, Subject, is_blind, worst
from slowquery.window import iso

SCHEMA: Final = 1
"""The version of the document: it rises when a name changes or goes."""

WHOLE: Final = 4
"""Instances up to which each has all of its checks on the page; of more, those that are
well have one line."""

_Paint: TypeAlias = Callable[[str, str], str]
"""Puts text in a style, as the codes of ECMA-48's SGR."""

LEAST: Final = 40
"""Columns of a page, at least."""

_MARKS: Final = {"ok": "✓", "warn": "!", "fail": "✗", "unknown": "?"}
_STYLES: Final = {"ok": "32", "warn": "33", "fail": "1;31", "unknown": "2"}
_COUNTED: Final[Mapping[Status, str]] = {
    "fail": "failed",
    "warn": "to look at",
    "ok": "well",
    "unknown": "unknown",
}
_BLIND: Final = "nothing is known of any instance"
_CHAT: Final = {"ok": "✓", "warn": "⚠", "fail": "⚠", "unknown": "✓"}
_ALERTS: Final = 20
"""Checks that a message tells of one by one, of more the first."""


def document(checks: Sequence[Check], now: int) -> dict[str, Any]:
    """Return the checks as JSON values; ``status`` is the worst of theirs."""
    return {
        "schema": SCHEMA,
        "at": iso(now),
        "status": worst(checks),
        "checks": [
            {
                "kind": check.where.kind,
                "where": check.where.name or None,
                "name": check.name,
                "status": check.status,
                "seen": check.seen,
                "hint": check.hint or None,
            }
            for check in checks
        ],
    }


def message(checks: Sequence[Check], now: int) -> Message:
    """Return what a channel gets: what is not well one by one, the rest as a number."""
    status = worst(checks)
    blind = is_blind(checks)
    mark = _CHAT["warn" if blind else status]
    told = f"{_BLIND} · {_summary(checks)}" if blind else _summary(checks)
    title = f"{mark} slow-query digest: {told}"
    bad = [check for check in checks if check.status in {"fail", "warn"}]
    parts: list[Part] = [Heading(title)]
    parts += [
        Alert(f"{_titled(check)}: {check.seen}\nTry: {check.hint}") for check in bad[:_ALERTS]
    ]
    if more := len(bad) - _ALERTS:
        rest = words.number_of(more, "more", "more")
        parts += [Paragraph(f"And {rest}: slowquery health shows all.")] if more > 0 else []
    if unknown := list(_unknown(checks)):
        parts.append(Footnote(f"Not known: {'; '.join(unknown)}."))
    return Message(title, tuple(parts), document=document(checks, now))


def _unknown(checks: Iterable[Check]) -> Iterator[str]:
    """Yield the names of what is not known, those of one subject together."""
    unknown = [check for check in checks if check.status == "unknown"]
    for where, group in groupby(_together(unknown), _where):
        names = [check.name for check in group]
        listed = words.some(names, len(names))
        yield f"{where.name}: {listed}" if where.name else listed


def text(checks: Sequence[Check], now: int, *, width: int, colour: bool = False) -> str:
    """Return lines for a terminal of ``width`` columns: a part for each subject."""
    width = max(LEAST, width)
    paint = _paint if colour else _plain
    title = f"slowquery health · {words.moment(now, UTC)}"
    if is_blind(checks):
        title = f"{_BLIND} · {title}"
    lines = [*(paint(line, "1") for line in words.wrapped(title, width)), _summary(checks)]
    groups = [(where, list(group)) for where, group in groupby(_together(checks), _where)]
    named = max(columns(check.name) for check in checks)
    instances = sum(where.kind == "instance" for where, _ in groups)
    folded = [
        (where, group)
        for where, group in groups
        if instances > WHOLE and where.kind == "instance" and _is_well(group)
    ]
    for where, group in groups:
        if (where, group) in folded:
            continue
        lines += ["", paint(_heading(where), "1")]
        for check in _merged(group):
            lines += _rows(check, named, width, paint)
    if folded:
        names = words.some([where.name for where, _ in folded], len(folded))
        lines += ["", *words.wrapped(f"{_MARKS['ok']} all is well with {names}", width)]
    return "\n".join(lines) + "\n"


def _rows(check: Check, named: int, width: int, paint: _Paint) -> Iterator[str]:
    """Yield the lines of a check: what was seen beside its name, what to do below."""
    style = _STYLES[check.status]
    before = f"  {_MARKS[check.status]} {check.name}{' ' * (named - columns(check.name))}  "
    room = max(LEAST // 2, width - columns(before))
    first, *more = words.wrapped(check.seen, room)
    yield paint(before, style) + first
    indent = " " * columns(before)
    yield from (indent + line for line in more)
    hinted = words.wrapped(check.hint, room - 2) if check.hint else []
    for number, line in enumerate(hinted):
        yield indent + paint(("  " if number else "→ ") + line, "2")


def _merged(checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks of one subject; those that say the same in a row become one."""
    for _, group in groupby(checks, lambda each: (each.status, each.seen, each.hint)):
        first, *others = group
        if others:
            names = words.some([first.name, *(other.name for other in others)], len(others) + 1)
            yield replace(
                first, name=f"{len(others) + 1} others", seen=f"{first.seen}: {names}", hint=""
            )
        else:
            yield first


def _together(checks: Iterable[Check]) -> list[Check]:
    """Return the checks, those of one subject together, in the order of the first of each."""
    first: dict[Subject, int] = {}
    for check in checks:
        first.setdefault(check.where, len(first))
    return sorted(checks, key=lambda check: first[check.where])


def _where(check: Check) -> Subject:
    return check.where


def _is_well(checks: Iterable[Check]) -> bool:
    return worst(checks) == "ok"


def _heading(where: Subject) -> str:
    return {"bot": "this bot", "instance": where.name, "channel": f"channel {where.name}"}[
        where.kind
    ]


def _titled(check: Check) -> str:
    return f"{check.where.name}, {check.name}" if check.where.name else check.name


def _summary(checks: Sequence[Check]) -> str:
    """Return ``1 failed · 2 to look at · 16 well · 3 unknown``."""
    counts = Counter(check.status for check in checks)
    return " · ".join(f"{counts[each]} {name}" for each, name in _COUNTED.items() if counts[each])


def _paint(shown: str, style: str) -> str:
    return f"\x1b[{style}m{shown}\x1b[0m"


def _plain(shown: str, style: str) -> str:
    del style
    return shown
