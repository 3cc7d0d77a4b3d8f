"""How the time of the reader grows with hostile logs: as their size, and no faster."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from slowquery.model import Batch, Portion
from slowquery.readers import mysql
from tests.growth import LIMIT, exponent
from tests.readers.logs import BANNER, FIGURES, TIMES, USER, event

STRETCH = 4096
"""A small one, so that a log of a few kilobytes is many stretches already."""

HOSTILE = {
    "no_line_end": b"x",
    "line_ends": b"\n",
    "carriage_returns": b"\r",
    "hash_lines": b"#\n",
    "long_hash_lines": b"# " + b"x" * 7000 + b"\n",
    "time_lines": b";\n# Time: 1\n",
    "user_lines": b"# User@Host: x\n",
    "half_headers": b";\n# Time: 1\n# User@Host: x\n# Query_time: 9  Lock_time: 9\n",
    "half_headers_of_many_lines": b"# User@Host: x\n" + b"# more\n" * 300,
    "figures_without_users": FIGURES,
    "figures_of_many_digits": USER + FIGURES[:-1] + b"1" * 3000 + b"\n",
    "users_of_blanks": b"# User@Host: " + b" " * 3000 + b"\n" + FIGURES,
    "users_of_brackets": b"# User@Host: " + b"[] @ " * 900 + b"\n" + FIGURES,
    "schemas_of_blanks": USER + b"# Schema: " + b"a " * 3000 + b"\n" + FIGURES,
    "headers_alone": USER + FIGURES,
    "extras_without_an_end": USER + FIGURES[:-1] + b" Thread_id: 1 Errno: " * 200 + b"\n",
    "rates": USER + FIGURES + b"# " + b" Log_slow_rate_limit: " * 300 + b"\n",
    "throttles": USER + FIGURES + b"throttle: " + b"1" * 3000 + b"\n",
    "insert_ids": USER + FIGURES + b"SET " + b"insert_id=1," * 300 + b"\n",
    "banners": BANNER,
    "banners_on_one_line": b"a, Version: started with:",
    "banners_without_a_port": b"a, Version: , Version: started with:\n",
    "stamps_without_an_offset": event(time=TIMES[2], before=b""),
    "stamps_of_two_offsets": event(time=TIMES[2]) + event(time=TIMES[4]),
    "events": event(),
    "cr_lf": event().replace(b"\n", b"\r\n"),
}


def read(log: bytes) -> list[Batch]:
    return list(mysql.read([Portion("slow.log", log)], stretch=STRETCH))


def is_linear(work: Callable[[bytes], object], make: Callable[[int], bytes]) -> bool:
    """Measure again what looks worse than linear: a busy machine can do that, once or twice."""
    return any(exponent(work, make) < LIMIT for _ in range(3))


@pytest.mark.parametrize("before", [b"", event(statement=b"SELECT '")], ids=["alone", "open"])
@pytest.mark.parametrize("scrap", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_grows_no_faster_than_the_log(scrap: bytes, before: bytes) -> None:
    assert is_linear(read, lambda size: before + scrap * -(-size // len(scrap)))


def test_time_grows_no_faster_than_the_number_of_portions() -> None:
    def read_bytes(log: bytes) -> list[Batch]:
        return list(mysql.read(Portion("slow.log", byte) for byte in re.findall(rb"(?s).", log)))

    assert is_linear(read_bytes, lambda size: event(statement=b"x" * size))
