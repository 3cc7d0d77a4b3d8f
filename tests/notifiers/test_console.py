"""How a message looks in a terminal."""

import io

import pytest

from notifiers.console import Console
from notifiers.message import (
    Alert,
    DeliveryError,
    Facts,
    Footnote,
    Heading,
    Message,
    Paragraph,
    Preformatted,
)

MESSAGE = Message(
    summary="shop-db: 38 min of slow time",
    parts=(
        Heading("🐢 shop-db"),
        Paragraph("1,204 slow queries"),
        Alert("ledger-db could not be read\nadd it to settings"),
        Footnote("Read all 41 MB."),
    ),
    replies=(
        (Preformatted("SELECT ?\nFROM t"), Facts((("mean", "1.8 s"), ("naïve日", "a\nb")))),
        (Paragraph("last"),),
    ),
)
LOOKS = """\
🐢 shop-db
──────────

1,204 slow queries

⚠ ledger-db could not be read
  add it to settings

· Read all 41 MB.

── 1 of 2 ──────────────────────────────────────────────────

    SELECT ?
    FROM t

  mean     1.8 s
  naïve日  a
           b

── 2 of 2 ──────────────────────────────────────────────────

last
"""


def test_a_message_is_laid_out_by_blanks_and_rules() -> None:
    stream = io.StringIO()
    Console(stream).send(MESSAGE)
    assert stream.getvalue() == LOOKS


def test_standard_output_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    Console().send(MESSAGE)
    assert capsys.readouterr().out == LOOKS


def test_control_characters_are_shown_and_do_nothing() -> None:
    stream = io.StringIO()
    Console(stream).send(Message("", (Paragraph("\x1b[31m\x07\x9b2J\r\u202eLQS\x7f\ud800"),)))
    assert stream.getvalue() == "␛[31m␇�2J␍�LQS␡�\n"


def test_a_stream_that_lacks_a_character_gets_a_question_mark() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(stream).send(Message("", (Paragraph("a 🐢 b"),)))
    stream.seek(0)
    assert stream.read() == "a ? b\n"


def test_a_closed_stream_is_a_failed_delivery() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(DeliveryError, match="not written to the console"):
        Console(stream).send(MESSAGE)


def test_a_message_without_parts_is_its_summary() -> None:
    stream = io.StringIO()
    Console(stream).send(Message("nothing slow", ()))
    assert stream.getvalue() == "nothing slow\n"
