"""Rows of an insert for tests: of whatever may stand in one, right or not."""

from __future__ import annotations

from hypothesis import strategies as st

_VALUES = (
    *(b"'a'", b"''", b"'it''s'", b"'--x'", b"'/* c */'", b"'),('", b"'\"q\"'", b"'$a$'", b"''''"),
    *(b"-5", b"5", b"- 5", b"1/2", b"1e5", b"now()", b"f('x',(1))", b"NULL", b"default", b"x'aa'"),
    *(b"'a\\'b'", b"'a\\\\'", b"'\\\\\\''", b"'\\'),(\\''", b"E'a\\'b'", b"\\'", b"'a\\", b"'open"),
    *(b"_utf8'x'", b"`c`", b'"d"', b"$$x$$", b"--c\n5", b"/*c*/5", b"#c\n5", b"'\0'", b"'x' 'y'"),
)
rows = st.lists(st.sampled_from(_VALUES), min_size=1, max_size=4).map(
    lambda values: b"(" + b",".join(values) + b")"
)
