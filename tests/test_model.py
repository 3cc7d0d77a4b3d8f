"""What the values of the line show of themselves."""

from __future__ import annotations

import json

import pytest

from slowquery.model import Batch, Portion

LITERAL = "4111 1111"
SQL = f"select '{LITERAL}'".encode()


@pytest.mark.parametrize("value", [Portion("a.log", SQL), Batch(statements=[SQL], bytes_read=9)])
def test_a_value_that_holds_raw_sql_does_not_show_it(value: Portion | Batch) -> None:
    for shown in (repr(value), str(value), f"{value}", f"{[value]}"):
        assert shown
        assert LITERAL not in shown
    with pytest.raises(TypeError) as refusal:
        json.dumps(value)
    assert LITERAL not in str(refusal.value)
