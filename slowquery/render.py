"""A result as a person reads it: a message for chat, text for a terminal, Markdown.

The words come from :mod:`slowquery.view`; here they are placed. A message is built part by
part; text and Markdown come from templates, which compute nothing. Only these two load the
template engine, so a run that posts to chat does not pay for it.

The same result and the same settings always give the same words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pkgutil import get_data
from typing import Final, NamedTuple

from notifiers.message import (
    Alert,
    Facts,
    Footnote,
    Heading,
    Message,
    Paragraph,
    Part,
    Preformatted,
)
from notifiers.visible import columns
from slowquery import view, words
from slowquery.document import fit, result_document
from slowquery.model import Result
from slowquery.settings import Settings
from slowquery.view import DigestView, QueryView, View

CHAT_REPLIES: Final = 25
"""Queries of a digest, or digests of a message, that chat tells all about, of more the first.
Each is a message of its own in the thread, and channels take about one a second."""

LAID_OUT: Final = 2_000
"""Characters of a fingerprint that is laid out; sqlparse takes too long for longer ones."""

LINES: Final = 30
"""Lines of a fingerprint that is laid out; one with more is easier to read in running text."""

SHOWN: Final = 3_000
"""Characters of a fingerprint that are shown, of more the first."""

_CHAT_WIDTH: Final = 80
"""Columns of a line in chat: Slack on a desktop has a few more before it breaks lines."""
_CHAT_LABEL: Final = 48
"""Columns for kind and tables in chat."""
_ID_DIGITS: Final = 8
"""Digits of a query id that tell the queries of a message apart."""
_INDENT: Final = "    "
"""What stands below a query begins here."""
_LABEL: Final = 8
"""Columns for kind and tables in a terminal, at least."""
_BAR: Final = 20
"""Columns of a bar, at most."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_COLUMNS: Final = ("share", "total", "count", "mean", "p95", "max")


def message(result: Result, settings: Settings) -> Message:
    """Return what one channel gets of a run.

    Where one instance was slow, its queries stand in the message and a reply says all
    about each. Where several were, each has a line, and a reply with its queries.
    """
    seen = view.of(result, settings, most=CHAT_REPLIES, id_digits=_ID_DIGITS)
    parts: list[Part] = [Heading(f"{seen.mark} {seen.title}")]
    replies: list[list[Part]] = []
    if seen.overview:
        parts.append(_lines(_summed_up(seen.overview, _CHAT_WIDTH)))
        replies += [_section(digest) for digest in seen.digests[:CHAT_REPLIES]]
        if more := len(seen.digests[CHAT_REPLIES:]):
            instances = words.number_of(more, "more instance", "more instances")
            replies.append([Paragraph(f"slowquery run shows the queries of {instances}.")])
    elif seen.digests:
        (digest,) = seen.digests
        parts += [Paragraph(digest.summary), _lines(_short(digest))]
        replies += [_details(query) for query in digest.queries]
        if digest.command:
            replies.append(_again(digest))
    if seen.others:
        parts.append(Paragraph(seen.others))
    parts += map(Alert, seen.alerts)
    if seen.coverage:
        parts.append(Footnote(seen.coverage))
    return Message(
        summary=seen.gist,
        parts=tuple(parts),
        replies=tuple(map(tuple, replies)),
        document=fit(result_document(result)),
    )


def _section(digest: DigestView) -> list[Part]:
    parts: list[Part] = [
        Heading(digest.title),
        Paragraph(digest.summary),
        _lines(_short(digest)),
    ]
    for query in digest.queries:
        parts += [Paragraph(query.title), _lines(_laid_out(query.fingerprint))]
    return [*parts, Footnote(digest.coverage), *(_again(digest) if digest.command else [])]


def _details(query: QueryView) -> list[Part]:
    return [
        Paragraph(query.title),
        _lines(_laid_out(query.fingerprint)),
        Facts(query.facts),
    ]


def _again(digest: DigestView) -> list[Part]:
    return [Paragraph("With every query, in a terminal:"), _lines(digest.command)]


def _lines(lines: Iterable[str]) -> Part:
    return Preformatted("\n".join(lines))


def _short(digest: DigestView) -> Iterator[str]:
    """Yield short lines, a word at each figure: on a phone, a table of columns falls apart.

    Figures come first, so they line up however long the names are.
    """
    wide = len(str(len(digest.queries)))
    indent = " " * (wide + 2)
    cells = words.padded([row.cells for row in digest.rows])
    for query, row in zip(digest.queries, cells, strict=False):
        share, total, count, mean, p95, most = row
        label = words.cut(query.row.label, _CHAT_LABEL)
        yield f"{query.row.rank:>{wide}}  {share}  {total}  {label}"
        middle = f"p95 {p95}" if p95.strip() else " " * columns(f"p95 {p95}")
        yield f"{indent}{count} mean {mean}  {middle}  max {most}"
        for line in words.joined(query.context, _CHAT_WIDTH - len(indent)):
            yield indent + line
    if digest.tail:
        share, total, count, *_ = cells[-1]
        yield f"{indent}{share}  {total}  {digest.tail.label} {count.strip()}"


def _summed_up(overview: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """Yield a line of at most ``width`` columns for each instance, the figures first."""
    figures = words.padded([row[1:5] for row in overview])
    for (name, *_, heaviest), (total, count, most, share) in zip(overview, figures, strict=True):
        line = f"{total}  {count}  max {most}  {name} · {share.strip()} {heaviest}"
        yield words.cut(line, width)


def text(
    result: Result, settings: Settings, *, width: int = words.WIDTH, colour: bool = False
) -> str:
    """Return lines for a terminal of ``width`` columns, in colour if asked for."""
    room = max(_LABEL, width - len(_INDENT))
    styles = {"strong": "1", "faint": "2", "bar": "36", "bad": "1;31"}
    filters: dict[str, Callable[..., object]] = {
        **{name: _painter(code if colour else "") for name, code in styles.items()},
        "wrapped": lambda shown: _wrapped(shown, max(_LABEL, width)),
        "indented": lambda shown: _wrapped(shown, room),
        "joined": lambda items: words.joined(items, room),
        "capped": _capped,
        "summed_up": lambda overview: _summed_up(overview, max(_LABEL, width)),
        "in_columns": lambda digest: _in_columns(digest, width),
    }
    return _placed("digest.txt.jinja", view.of(result, settings), filters)


class _Line(NamedTuple):
    """A line of a table in a terminal; ``query`` is what stands below it, if any."""

    query: QueryView | None
    rank: str
    bar: str
    cells: tuple[str, ...]
    label: str


def _in_columns(digest: DigestView, width: int) -> Iterator[_Line]:
    """Yield the table of a digest, its head first, in lines of at most ``width`` columns.

    Where there is no room, bars go first; a label keeps at least ``_LABEL`` columns.
    """
    rows = digest.rows
    cells = words.padded([_COLUMNS, *(row.cells for row in rows)])
    wide = len(str(len(digest.queries)))
    room = width - columns("  ".join((" " * wide, *cells[0], "")))
    bar = min(_BAR, room // 3) if room >= 2 * _LABEL else 0
    left = max(_LABEL, room - bar - len("  ") if bar else room)
    whole = sum(row.time for row in rows)
    yield _Line(None, " " * wide, " " * bar, cells[0], "")
    queries = [*digest.queries, None]
    for query, row, padded in zip(queries, rows, cells[1:], strict=False):
        drawn, label = _bar(row.time, whole, bar), words.cut(row.label, left)
        yield _Line(query, row.rank.rjust(wide), drawn, padded, label)


def _bar(part: int, whole: int, width: int) -> str:
    """Return a bar of ``width`` columns for ``part`` of ``whole``; what there is is seen."""
    eighths = (16 * part * width + whole) // (2 * whole) if whole else 0
    if part and width:
        eighths = max(1, eighths)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()).ljust(width)


def markdown(result: Result, settings: Settings) -> str:
    """Return Markdown (GitHub's) for a ticket; foreign text cannot act as markup in it."""
    filters: dict[str, Callable[..., object]] = {
        "code": _code,
        "fence": _fence,
        "laid_out": _laid_out,
        "wrapped": _wrapped,
    }
    return _placed("digest.md.jinja", view.of(result, settings, quoted=_code), filters)


# Statements


def _capped(fingerprint: str) -> str:
    if len(fingerprint) <= SHOWN:
        return fingerprint
    return f"{fingerprint[:SHOWN]} … ({len(fingerprint):,} characters)"


def _laid_out(fingerprint: str) -> list[str]:
    # A quiet hour has nothing to lay out, and need not pay for it.
    import sqlparse  # noqa: PLC0415 - as said
    from sqlparse.exceptions import SQLParseError  # noqa: PLC0415 - as said

    if len(fingerprint) <= LAID_OUT:
        try:
            lines = sqlparse.format(fingerprint, reindent=True, wrap_after=60).splitlines()
        except SQLParseError:
            lines = []
        if 0 < len(lines) <= LINES:
            return lines
    return [_capped(fingerprint)]


# Templates


def _placed(template: str, seen: View, filters: Mapping[str, Callable[..., object]]) -> str:
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 - 0.1 s

    environment = Environment(
        loader=FunctionLoader(_template),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it makes no HTML; Markdown has filters of its own
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    lines = environment.get_template(template).render(view=seen).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _template(name: str) -> str | None:
    # importlib.resources would say the same, and take a third of the time that Jinja takes.
    source = get_data(__package__, f"templates/{name}")
    return source.decode() if source is not None else None


def _painter(code: str) -> Callable[[str], str]:
    return lambda shown: f"\x1b[{code}m{shown}\x1b[0m" if code and shown.strip() else shown


def _wrapped(shown: str, width: int = words.WIDTH) -> list[str]:
    return [part for line in shown.split("\n") for part in words.wrapped(line, width)]


def _code(shown: str) -> str:
    """Return inline code; in a cell of a table, a bar would end the cell even in code."""
    if shown.strip() and not re.search(r"[`|\\]", shown):
        return f"`{shown}`"
    return f"<code>{re.sub(r'[!-/:-@[-`{-~]', _by_number, shown)}</code>"


def _by_number(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _fence(lines: Sequence[str], language: str = "text") -> str:
    """Return a block of code whose fence is longer than any in it."""
    code = "\n".join(lines)
    longest = max(map(len, re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"
