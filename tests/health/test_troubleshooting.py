"""The page about troubles has the sentences that the check says, each in its section."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import TypeAlias

from notifiers import slack_inquiry
from slowquery.health.limits import LIMIT, NoAnswer
from slowquery.health.sentences import SENTENCES, Sentence
from slowquery.sources.refusal import (
    DENIED,
    REFUSALS,
    Denied,
    InstanceUnavailable,
    Invalid,
    Nobody,
    NoInstance,
    SourceError,
    refusal,
)
from tests.conftest import Golden

PAGE = Path(__file__).parent.parent.parent / "docs" / "troubleshooting.md"
BLOCK = re.compile(r"<!-- said: (.+) -->\n(?:.*\n)*?<!-- end -->\n")
Row: TypeAlias = tuple[str, str, str]

SECTIONS: dict[type[SourceError], str] = {
    Denied: "Access denied",
    Nobody: "Access denied",
    NoInstance: "No such instance",
    Invalid: "No such instance",
    InstanceUnavailable: "Stopped",
}
"""Where what AWS refuses is explained; all else may pass, as throttling does."""


def said() -> Iterator[tuple[str, Row]]:
    """Yield every sentence with its section."""
    for sentence in SENTENCES.values():
        if sentence.section and not re.fullmatch(r"\{\w+\}", sentence.seen):  # another's words
            yield sentence.section, row(sentence)
    for code in (*sorted(DENIED)[:1], *REFUSALS):
        error = refusal(code, "", action="ACTION", instance="INSTANCE")
        section = SECTIONS.get(type(error), "Throttled")
        yield section, ("any", error.why, error.hint)
    waited = NoAnswer(LIMIT)
    yield "Unknown", ("any", waited.why, waited.hint)
    for finding in slack_inquiry.SAID:
        yield "Slack", (finding.question, finding.seen, finding.hint)


def row(sentence: Sentence) -> Row:
    """Return a sentence with its fields in capitals."""
    fields = {
        name: "" if name == "from_" else name.upper()
        for text in (sentence.seen, sentence.hint)
        for _, name, _, _ in Formatter().parse(text)
        if name
    }
    return sentence.check, sentence.seen.format(**fields), sentence.hint.format(**fields)


def tables() -> dict[str, str]:
    """Return the table of each section."""
    rows: dict[str, dict[Row, None]] = defaultdict(dict)
    for section, each in said():
        rows[section][each] = None
    head = "| check | says | what to do |\n|---|---|---|\n"
    return {
        section: head + "".join(f"| {' | '.join(each)} |\n" for each in listed)
        for section, listed in rows.items()
    }


def test_the_page_has_every_sentence_in_its_section(golden: Golden) -> None:
    page, made = PAGE.read_text(encoding="utf-8"), tables()
    blocks = BLOCK.findall(page)
    assert sorted(blocks) == sorted(made)

    def block(found: re.Match[str]) -> str:
        assert f"\n## {found[1]}\n" in page
        return f"<!-- said: {found[1]} -->\n{made[found[1]]}<!-- end -->\n"

    golden.check(PAGE, BLOCK.sub(block, page))


def test_every_page_that_a_hint_names_is_there() -> None:
    anchors = {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    }
    for _, (_, _, hint) in said():
        for anchor in re.findall(r"troubleshooting\.md#([\w-]+)", hint):
            assert anchor in anchors
