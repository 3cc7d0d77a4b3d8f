"""A server log of PostgreSQL by dice, as a stderr log and a csvlog have it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from random import Random
from typing import Final, NamedTuple

SESSIONS: Final = 4
HOUR: Final = 3600


class Message(NamedTuple):
    """What a session wrote: ``second`` of the day, UTC; ``times`` it stands there in a row."""

    severity: str
    text: str
    detail: str = ""
    statement: str = ""
    times: int = 1
    second: int = 0
    session: int = 0


def messages(random: Random, most: int, *, first: int, last: int) -> list[Message]:
    """Return what up to ``most`` statements leave in a log between these seconds of a day.

    They have a class each, but for some that are alike; their sessions are interleaved.
    """
    queues: list[deque[Message]] = [deque() for _ in range(SESSIONS)]
    for number in range(random.randint(1, most)):
        session = random.randrange(SESSIONS)
        queues[session].extend(
            message._replace(session=session) for message in _of_a_statement(random, number)
        )
    size = sum(map(len, queues))
    found = []
    for index in range(size):
        queue = random.choice([queue for queue in queues if queue])
        message = queue.popleft()
        found.append(
            message._replace(second=first, session=0)
            if message.times > 1
            else message._replace(second=first + (last - first) * index // size)
        )
    return found


def _of_a_statement(random: Random, number: int) -> Iterable[Message]:
    """Return what a statement leaves in the log of its session."""
    if random.random() < 0.1:
        text = "duration: 1000.000 ms  statement: select a_alike from t where b = 'x'"
        return [Message("LOG", text, times=random.randint(2, 5))]
    name = "".join("abcdefghij"[int(digit)] for digit in str(number))
    literal = random.choice(_MARKED if random.random() < 0.01 else _LITERALS) * random.choice(
        (1, 1, 1, 2, 20)
    )
    if random.random() < 0.02:
        literal = "long " * random.randint(100, 2000)
    sql = f"select a_{name} from t\nwhere b = '{literal}'"
    return _DICE[random.choice(_KINDS)](random, sql)


def _log(text: str, detail: str = "") -> Message:
    return Message("LOG", text, detail)


def _plain(_: Random, sql: str) -> Iterator[Message]:
    yield _log(f"duration: 1000.000 ms  statement: {sql}")


def _extended(random: Random, sql: str) -> Iterator[Message]:
    name = random.choice(("<unnamed>", "S_1", "S_2/C_1"))
    steps = [
        _log(f"duration: 0.200 ms  parse {name.partition('/')[0]}: {sql}"),
        _log(f"duration: 0.300 ms  bind {name}: {sql}", "parameters: $1 = 'one\ntwo'"),
        _log(f"duration: 1000.000 ms  execute {name}: {sql}", "parameters: $1 = 'one\ntwo'"),
        _log(f"duration: 500.000 ms  execute fetch from {name}: {sql}"),
    ]
    begin, end = random.choice(((0, 3), (0, 3), (0, 4), (1, 3), (2, 3), (0, 2), (0, 1)))
    yield from islice(steps, begin, end)
    if random.random() < 0.2:
        yield from _error(random, sql)


def _joined(_: Random, sql: str) -> Iterator[Message]:
    yield _log(f"statement: {sql}")
    yield _log("duration: 1000.000 ms")


def _alone(_: Random, __: str) -> Iterator[Message]:
    yield _log("duration: 1000.000 ms")


def _error(_: Random, sql: str) -> Iterator[Message]:
    yield Message("ERROR", "division by zero", statement=sql)


def _planned(random: Random, sql: str) -> Iterator[Message]:
    yield _log(f"duration: 1000.000 ms  plan:\nQuery Text: {sql}\nSeq Scan on t  (rows=1)")
    yield from _plain(random, sql)


def _noticed(random: Random, sql: str) -> Iterator[Message]:
    yield _log(
        random.choice(
            (
                'temporary file: path "base/pgsql_tmp/pgsql_tmp7.0", size 819200',
                "process 7 still waiting for ShareLock on transaction 739 after 1000.1 ms",
                "checkpoint starting: time",
                "disconnection: session time: 0:00:00.073 user=app database=shop",
            )
        )
    )
    yield from _plain(random, sql)


_DICE: Final = {
    "plain": _plain,
    "extended": _extended,
    "joined": _joined,
    "alone": _alone,
    "error": _error,
    "planned": _planned,
    "noticed": _noticed,
}
_KINDS: Final = [*repeat("plain", 8), *repeat("extended", 5), *_DICE]
_LITERALS: Final = [
    "x",
    "it''s\n",
    "fünf ☃",
    "?",
    "😀",
    'a\\\n"b", ""c',
    "\x01\x1b",
    "line\r\n",
    "\n2026-11-22 04:00:00 UTC:10.0.0.7(5432):app@shop:[7]:LOG:  duration: 9.000 ms\n",
    '\n2026-11-22 04:00:00.000 UTC,"app","shop",7,"10.0.0.7:5432"\n',
    "&#0; &amp; <tag>",
]
_MARKED: Final = [" [Your log message was truncated]\n", "s [Your log message was truncated] s"]


def as_stderr(log: Iterable[Message]) -> bytes:
    """Write a log with RDS's prefix, a TAB in front of each line that goes on with one."""
    lines = []
    for message in log:
        origin = f"{_clock(message)} UTC:10.0.0.{message.session}(5432):app@shop:"
        prefix = f"{origin}[{_pid(message)}]:"
        written = f"{prefix}{message.severity}:  {message.text}".replace("\n", "\n\t") + "\n"
        for severity, text in (("DETAIL", message.detail), ("STATEMENT", message.statement)):
            if text:
                written += f"{prefix}{severity}:  {text}".replace("\n", "\n\t") + "\n"
        lines.append(written * message.times)
    return "".join(lines).encode()


def as_csv(log: Iterable[Message]) -> bytes:
    """Write the same as records of 26 fields, as PostgreSQL 14 and later do."""
    lines = []
    for message in log:
        fields = (
            f'{_clock(message)}.000 UTC,"app","shop",{_pid(message)},'
            f'"10.0.0.{message.session}:5432",6b071446.23c1,1,"SELECT",'
            f"2026-11-22 03:00:00 UTC,3/31,0,{message.severity},00000,"
            f"{_quoted(message.text)},{_quoted(message.detail)},,,,,{_quoted(message.statement)},"
            ',,,"web","client backend",,0\n'
        )
        lines.append(fields * message.times)
    return "".join(lines).encode()


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""')) if text else ""


def _clock(message: Message) -> str:
    minutes, second = divmod(message.second, 60)
    return f"2026-11-22 {minutes // 60:02}:{minutes % 60:02}:{second:02}"


def _pid(message: Message) -> int:
    return 21_001 + message.session
