"""Statements made up for tests: like SQL, unlike SQL, and with literals that bear a mark."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

MARK = "zqzq"
"""Stands in every literal and in nothing else: where it shows up, a literal has got out."""

_CONTENTS = st.sampled_from(
    [
        "",
        MARK,
        f"{MARK} it''s",
        f"{MARK}\\'",
        f"a\\\\{MARK}",
        f"--{MARK}",
        f"-- {MARK}\n",
        f"/* {MARK} */",
        f"*/ {MARK} /*",
        f"# {MARK}",
        f"{MARK}; drop",
        f"{MARK}),({MARK}",
        f"`{MARK}`",
        f"{MARK}\n# Query_time: 9  Lock_time: 9\n",
        f"\0{MARK}\1",
        f"é{MARK}😀",
        f"$${MARK}$$",
        f'"{MARK}',
        f"{MARK} in (1,2) union select",
    ]
)
_single = _CONTENTS.map(lambda text: f"'{text}'")
_numbers = st.sampled_from(
    ["4111111111111111", "7", "-1.5e-3", "1E5", "1.5E-3", ".5", "1.", "+1E+5", "0xDEADBEEF", "0xff"]
)

KINDS = {
    "single": _single,
    "double": _CONTENTS.map(lambda text: '"' + text.replace('"', "") + '"'),
    "number": _numbers,
    "boolean": st.sampled_from(["true", "FALSE", "True"]),
    "hex": st.sampled_from(["x'0AFF'", "x''", "x'ab'"]),
    "bits": st.sampled_from(["b'0101'", "b''"]),
    "national": _single.map("N{}".format),
    "introduced": _single.map("_utf8mb4{}".format),
    "date": st.sampled_from(["DATE'2026-11-22'", "DATE'zqzq'"]),
    "adjacent": st.tuples(_single, _single).map(" ".join),
    "dollar": st.sampled_from(["$$$$", f"$$ it's {MARK} $$", f"$$ -- {MARK} $$"]),
}
"""Literals by kind: two of one kind are one shape. They hold under the default sql_mode."""

literals = st.one_of(*KINDS.values(), st.sampled_from(["NULL", "0x"]))

_PIECES = st.sampled_from(
    [
        *("select ", "SELECT * from t_1 ", "where a = ", " and `b c` in (", ", ", ")", "(", "),("),
        *(" union ", " union all ", "union select a from t", "insert into x values (", "values"),
        *(" order by a asc, b ASC", " limit ", " offset ", "\n", "\t", "  ", " / ", " * ", " $ "),
        *(" /* it's */ ", '-- no"te\n', "# no`te\n", "/*! straight_join */", "/*+ HINT('x') */"),
        *("call p1(", "use db", "`it's`", "`a``b`", "`/*`", "`-- `", "null", "is not null", "in"),
        *("tab1e.x2", "a-b", "a.b", "xb1", "--1", "??", ";", "\r\n", "é", "as asc", "true"),
        *("1true", "true1", "a$b$c", "@a:=", "<=", "\\N "),
    ]
)

statements = st.lists(st.one_of(_PIECES, literals.map(" {} ".format)), max_size=14).map(
    lambda parts: "".join(parts).encode()
)
"""Anything that could stand in a log, most of it no SQL; literals are always whole."""

noise = st.lists(
    st.sampled_from(
        [
            *(b"'", b'"', b"`", b"\\", b"--", b"-", b" ", b"\n", b"/*", b"*/", b"*", b"/", b"#"),
            *(b"$$", b"$", b"a$", b"a", b"x", b"b", b".", b"1", b"F", b"0x", b"E", b"\0", b"\1"),
            *(b"?", b"(", b")", b",", b"),(", b"in", b";", b"+", b"!", b"\r", b"\x0b", b"\xff"),
            *(b"select ", b"select a", b" union ", b"null", b"true", b"false", b"call ", b"use "),
            *(b"insert into ", b"values", b"limit ?", b" order by ", b" asc", b"/*a.b:1/2*/"),
        ]
    )
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)
"""What the lexer must survive."""


@st.composite
def _with_a_quote_more_or_less(draw: st.DrawFn) -> bytes:
    statement = draw(statements)
    quotes = [at for at, byte in enumerate(statement) if byte in b"'\"`"]
    loses_one = draw(st.booleans())
    if quotes and loses_one:
        lost = draw(st.sampled_from(quotes))
        return statement[:lost] + statement[lost + 1 :]
    at = draw(st.integers(0, len(statement)))
    return statement[:at] + draw(st.sampled_from([b"'", b'"', b"`"])) + statement[at:]


damaged = _with_a_quote_more_or_less()
"""Statements that lost one quote, or got one, of any kind."""


class Twins(NamedTuple):
    """Two statements that differ in the contents of their literals alone."""

    one: bytes
    other: bytes


@st.composite
def twins(draw: st.DrawFn) -> Twins:
    """Draw a shape, and fill its literals twice."""
    one, other = [], []
    for part in draw(st.lists(st.one_of(_PIECES, st.sampled_from(sorted(KINDS))), max_size=12)):
        if part in KINDS:
            one.append(f" {draw(KINDS[part])} ")
            other.append(f" {draw(KINDS[part])} ")
        else:
            one.append(part)
            other.append(part)
    return Twins("".join(one).encode() + b";", "".join(other).encode() + b";")
