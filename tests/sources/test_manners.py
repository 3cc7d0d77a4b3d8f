"""Under each manner of the service: what comes, what is said to be lost, how many calls.

The service is asked without a network; how answers travel is tried elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slowquery.model import Loss, Piece, Portion, Window
from slowquery.sources.rds import RdsSource
from slowquery.sources.refusal import InstanceUnavailable, SourceError
from slowquery.window import parse_time
from tests.sandbox.direct import DirectClient
from tests.sandbox.ledger import Call
from tests.sandbox.log_file import LIVE
from tests.sandbox.manners import Burst, Manners
from tests.sandbox.portions import TRUNCATED
from tests.sandbox.rds_logs import RdsLogs

WINDOW = Window(parse_time("2026-11-22T04:00Z", 0), parse_time("2026-11-22T05:00Z", 0))
FIVE = datetime(2026, 11, 22, 5, tzinfo=UTC)
LINE = 10
LOG = b"".join(b"line %04d\n" % number for number in range(400))
CLOSED = f"{LIVE}.2026-11-22.05"
SMALL = Manners(portion_lines=50)
GZIP = b"\x1f\x8b"  # what begins so is unpacked by the sandbox, and by RDS under a name in .gz


@dataclass
class Served:
    """An instance and what was read of it."""

    manners: Manners
    files: dict[str, bytes] = field(default_factory=lambda: {CLOSED: LOG})
    engine: str = "mysql"
    next_live: bytes = b""
    remaining: float = 60.0
    pieces: list[Piece] = field(default_factory=list)
    logs: RdsLogs = field(default_factory=RdsLogs)

    def read(self) -> Served:
        written = {
            name: FIVE - timedelta(minutes=10 * age)
            for age, name in enumerate(reversed([*self.files]))
        }
        self.logs.add(
            "shop-db",
            self.files,
            engine=self.engine,
            status="available",
            manners=self.manners,
            last_written=written,
            next_live=self.next_live,
        )
        client = DirectClient(self.logs)
        source = RdsSource(client, lambda: self.remaining, pause=lambda _: None)
        self.pieces = list(source.pieces("shop-db", WINDOW))
        return self

    @property
    def text(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces if isinstance(piece, Portion))

    @property
    def losses(self) -> list[tuple[str, int | None]]:
        return [(piece.reason, piece.size) for piece in self.pieces if isinstance(piece, Loss)]

    @property
    def doubtful(self) -> int:
        return sum(piece.doubtful for piece in self.pieces if isinstance(piece, Portion))

    @property
    def downloads(self) -> list[Call]:
        return [call for call in self.logs.ledger.calls if call.action.startswith("Download")]


def served(manners: Manners, log: bytes = LOG, **more: object) -> Served:
    """Read one closed file under ``manners``."""
    return replace(Served(manners, {CLOSED: log}), **more).read()  # type: ignore[arg-type]  # by name


def test_documented_manners_cost_a_call_a_portion_and_one_for_the_end() -> None:
    found = served(SMALL)
    assert (found.text, found.losses, found.doubtful) == (LOG, [], 0)
    assert len(found.downloads) == 9
    assert len(found.logs.ledger.calls) == 10


# Cuts


def test_a_line_that_the_limit_cuts_is_asked_for_again_with_the_lines_before_it() -> None:
    found = served(Manners(portion_bytes=333))
    assert (found.text, found.losses) == (LOG, [])
    assert [call.lines for call in found.downloads[:2]] == [10_000, 33]


def test_a_dense_log_costs_few_calls_more_than_its_portions() -> None:
    log = b"".join(b"%04d %s\n" % (n, b"x" * (n * 37 % 200)) for n in range(3000))
    found = served(Manners(portion_bytes=4096), log)
    assert (found.text, found.losses) == (log, [])
    assert len(found.downloads) < 1.3 * len(log) / 4096


def test_a_cut_in_the_middle_is_cured_by_a_shorter_portion() -> None:
    found = served(replace(SMALL, cut_midway=(LINE * 20 + 4, LINE * 300 + 2)))
    assert (found.text, found.losses) == (LOG, [])
    assert len(found.downloads) < 20


def test_a_line_longer_than_the_limit_is_cut_and_nothing_else_is_lost() -> None:
    log = LOG + b"x" * 5000 + b"\n" + LOG
    found = served(Manners(portion_bytes=4000), log)
    assert found.losses == [("RDS cut a line that is longer than its limit", 1001)]
    assert found.text == LOG + b"x" * 4000 + LOG


def test_a_cut_line_that_goes_on_in_the_next_portion_is_whole() -> None:
    log = LOG + b"x" * 5000 + b"\n" + LOG
    for own_line in (False, True):
        manners = Manners(portion_bytes=4000, rest_follows_cut=True, mark_on_own_line=own_line)
        found = served(manners, log)
        assert (found.text, found.losses) == (log, [])


def test_a_mark_that_is_somebodys_text_is_kept_and_costs_some_calls() -> None:
    marked = b"select '" + TRUNCATED + b"\n';\n"
    log = LOG + marked * 60 + LOG
    found = served(Manners(), log)
    assert (found.text, found.losses) == (log, [])
    assert len(found.downloads) < 100


def test_without_offsets_a_cut_at_one_line_is_a_loss_of_unknown_size() -> None:
    log = LOG + b"x" * 5000 + b"\n" + LOG
    found = served(Manners(portion_bytes=4500, markers="opaque"), log)
    assert ("RDS cut a line that is longer than its limit", None) in found.losses
    assert found.text == LOG + b"x" * 4500 + LOG


# Repeats and holes


@pytest.mark.parametrize("manners", [Manners(overlap=4), Manners(begins_early=4)])
def test_an_overlap_that_markers_reveal_is_cut_off(manners: Manners) -> None:
    found = served(replace(manners, portion_lines=30))
    assert (found.text, found.losses, found.doubtful) == (LOG, [], 0)
    assert found.logs.ledger.repeated()


def test_a_line_that_is_cut_where_it_comes_again_is_whole() -> None:
    lines = [b"%04d %s\n" % (number, b"x" * 40) for number in range(60)]
    log = b"".join(lines)
    manners = Manners(portion_lines=30, begins_early=15, cut_midway=(46 * 29 + 35,))
    found = served(manners, log)
    assert (found.text, found.losses, found.doubtful) == (log, [], 0)


@pytest.mark.parametrize("behind", [b"", b"x"])
def test_a_mark_that_is_somebodys_text_is_kept_where_portions_begin_early(behind: bytes) -> None:
    lines = [b"%04d %s\n" % (number, b"x" * 40) for number in range(90)]
    lines[75] = b"'" + TRUNCATED + behind + b"\n"
    manners = Manners(portion_lines=30, begins_early=23)
    found = served(manners, b"".join(lines))
    assert (found.text, found.losses, found.doubtful) == (b"".join(lines), [], 0)


def test_a_cut_is_seen_where_as_much_comes_again() -> None:
    lines = [b"%04d %s\n" % (number, b"x" * 40) for number in range(200)]
    manners = Manners(portion_lines=30, begins_early=23, cut_midway=(46 * 75 + 3,))
    found = served(manners, b"".join(lines))
    assert (found.text, found.losses, found.doubtful) == (b"".join(lines), [], 0)


def test_a_marker_that_is_made_up_is_where_a_portion_ended_that_began_early() -> None:
    found = served(Manners(portion_lines=30, begins_early=4, loop=(0.6, 0.0)))
    assert (found.text, found.losses, found.doubtful) == (LOG, [], 0)


@pytest.mark.parametrize("manners", [Manners(overlap=4), Manners(begins_early=4)])
def test_an_overlap_that_markers_hide_is_kept_and_doubtful(manners: Manners) -> None:
    found = served(replace(manners, portion_lines=30, markers="opaque"))
    assert len(found.text) == len(LOG) + found.doubtful > len(LOG)
    assert found.losses == []


def test_equal_events_at_every_seam_are_counted_each() -> None:
    log = b"# Time: 1\nselect 1;\n" * 231
    found = served(Manners(portion_lines=50), log)
    assert (found.text, found.losses, found.doubtful) == (log, [], 0)


def test_a_hole_that_markers_reveal_is_a_loss_with_its_size() -> None:
    found = served(replace(SMALL, gaps=(1000, 2345), gap_bytes=77))
    assert found.losses == [("RDS left something out", 77)] * 2
    assert found.text == LOG[:1000] + LOG[1077:2345] + LOG[2422:]


@pytest.mark.parametrize("markers", ["counts", "opaque"])
def test_a_hole_that_markers_hide_is_missed_in_the_end(markers: str) -> None:
    found = served(replace(SMALL, gaps=(1000,), gap_bytes=77, markers=markers))  # type: ignore[arg-type]  # one of Kind
    assert found.losses == [("RDS gave nothing more, although the file is longer", 77)]


def test_binary_data_is_cornered_stepped_over_and_the_only_loss() -> None:
    found = served(Manners(binary=(LINE * 200 + 3,)))
    assert found.losses == [("RDS refuses a line for its binary data", 4)]
    assert found.text == LOG[: LINE * 200] + LOG[LINE * 200 + 4 :]
    assert len(found.downloads) < 60


@pytest.mark.parametrize("manners", [Manners(markers="opaque"), Manners(strict_markers=True)])
def test_where_no_marker_can_be_made_up_the_rest_is_lost_with_binary_data(manners: Manners) -> None:
    found = served(replace(manners, binary=(LINE * 200 + 3,)))
    reason = "RDS refuses a line for its binary data, and what follows"
    assert found.losses == [(reason, LINE * 200)]
    assert found.text == LOG[: LINE * 200]


# Characters


def test_question_marks_for_what_is_not_ascii_are_no_hole() -> None:
    log = "select 'fünf ☃ 😀';\n".encode() * 300
    found = served(replace(SMALL, non_ascii="?"), log)
    assert found.text == b"select 'f?nf ? ?';\n" * 300
    assert found.losses == []


def test_bytes_that_are_no_text_are_no_repeat() -> None:
    log = b"select '\xff\xfe\x80 \xe2\x98';\n" * 300
    found = served(SMALL, log)
    assert found.text == log.decode(errors="replace").encode()
    assert found.losses == []


# Markers and flags


@pytest.mark.parametrize(
    "manners",
    [
        Manners(done_from=0.3),
        Manners(never_done=True),
        Manners(omit_empty=True),
        Manners(stalled=Burst(3, after=3, every=2)),
        Manners(empty=Burst(2, after=3, every=2)),
        Manners(empty=Burst(2, after=3, every=2), markers="opaque"),
        Manners(echo=Burst(1, after=3, every=2)),
        Manners(loop=(0.5, 0.2)),
        Manners(loop=(0.9, 0)),
    ],
)
def test_flags_and_markers_that_lie_cost_calls_and_no_bytes(manners: Manners) -> None:
    found = served(replace(manners, portion_lines=50))
    assert (found.text, found.losses, found.doubtful) == (LOG, [], 0)
    assert len(found.downloads) < 40


@pytest.mark.parametrize(
    "manners",
    [
        Manners(loop=(0.5, 0), markers="opaque"),
        Manners(loop=(0.5, 0.2), markers="counts"),
        Manners(loop=(0.5, 0.2), strict_markers=True),
    ],
)
def test_a_circle_ends_and_is_a_loss(manners: Manners) -> None:
    found = served(replace(manners, portion_lines=50))
    assert found.losses
    assert len(found.downloads) < 60
    assert found.text.startswith(LOG[: len(LOG) // 2])


def test_a_file_shorter_than_its_listed_size_is_asked_for_more_and_then_a_loss() -> None:
    found = served(replace(SMALL, size_off=500))
    assert found.text == LOG
    assert found.losses == [("RDS gave nothing more, although the file is longer", 500)]
    assert len(found.downloads) < 16


def test_a_file_longer_than_its_listed_size_is_read_to_its_end() -> None:
    found = served(replace(SMALL, size_off=-500))
    assert (found.text, found.losses) == (LOG, [])


# Files that move

OLD, NEW = LOG[: LINE * 250], LOG[LINE * 250 :]


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
@pytest.mark.parametrize("portion", range(6))
@pytest.mark.parametrize("away", [0, 2])
def test_a_rotation_at_any_portion_loses_and_repeats_nothing(
    engine: str, portion: int, away: int
) -> None:
    first = f"{LIVE}.1" if engine == "mariadb" else f"{LIVE}.2026-11-22.04"
    manners = Manners(portion_lines=50, rotate_after=portion, live_missing_for=away)
    files = {first: b"before\n" * 90, LIVE: OLD}
    found = Served(manners, files, engine, next_live=NEW).read()
    assert (found.text, found.losses) == (b"before\n" * 90 + LOG, [])


def test_a_rotation_keeps_an_event_in_one_file() -> None:
    manners = Manners(portion_lines=50, rotate_after=2)
    found = Served(manners, {LIVE: OLD}, next_live=NEW).read()
    assert [piece.file for piece in found.pieces] == [CLOSED] * 5 + [LIVE] * 3


def test_numbers_that_shift_while_a_closed_file_is_read_do_not_mix_files() -> None:
    """The live file is asked first here, as another reader might."""
    files = {f"{LIVE}.2": b"a\n" * 99, f"{LIVE}.1": b"b\n" * 99, LIVE: OLD}
    for portion in range(3):
        manners = Manners(portion_lines=50, rotate_after=portion)
        found = Served(manners, files, "mariadb", next_live=NEW).read()
        assert (found.text, found.losses) == (b"a\n" * 99 + b"b\n" * 99 + LOG, [])


def test_a_file_that_vanishes_is_a_loss_of_its_rest_and_the_others_are_read() -> None:
    files = {f"{LIVE}.2026-11-22.04": LOG, LIVE: b"last\n"}
    found = Served(replace(SMALL, vanish_after=3), files).read()
    assert found.text == LOG[: LINE * 150] + b"last\n"
    assert found.losses == [("the file was rotated away while it was read", LINE * 250)]


def test_what_came_cut_is_used_if_the_file_vanishes_before_it_comes_whole() -> None:
    found = served(Manners(portion_bytes=333, vanish_after=1))
    assert found.text == LOG[:333]
    assert [reason for reason, _ in found.losses] == [
        "RDS cut a line that is longer than its limit",
        "the file was rotated away while it was read",
    ]


# Calls that fail


@pytest.mark.parametrize(
    "manners",
    [
        Manners(throttled=Burst(4, every=3)),
        Manners(unavailable=Burst(4, every=3)),
        Manners(not_ready=Burst(2, every=3)),
        Manners(dropped=Burst(4, every=3)),
        Manners(cut_short=Burst(4, every=3)),
    ],
)
def test_calls_that_fail_are_made_again(manners: Manners) -> None:
    found = served(replace(manners, portion_lines=50))
    assert (found.text, found.losses) == (LOG, [])


@pytest.mark.parametrize(
    ("manners", "why"),
    [
        (Manners(throttled=Burst(99, after=4)), "RDS throttles the calls"),
        (Manners(unavailable=Burst(99, after=4)), "RDS is not available"),
        (Manners(not_ready=Burst(99, after=4)), "the instance is stopped, starting or being"),
        (Manners(dropped=Burst(99, after=4)), r"no answer from RDS (ConnectionClosedError)"),
        (Manners(cut_short=Burst(99, after=4)), "RDS answered with something that is no XML"),
    ],
)
def test_what_fails_for_good_is_a_loss_of_the_rest(manners: Manners, why: str) -> None:
    found = served(replace(manners, portion_lines=50))
    assert found.text == LOG[: LINE * 150]
    ((reason, size),) = found.losses
    assert reason.startswith(why)
    assert size == LINE * 250


def test_what_fails_from_the_start_is_an_error() -> None:
    with pytest.raises(SourceError, match="throttles"):
        served(Manners(throttled=Burst(99)))
    with pytest.raises(InstanceUnavailable):
        served(Manners(not_ready=Burst(99)))


# Bounds


def test_when_time_is_up_what_is_missing_is_told_for_each_file() -> None:
    logs = RdsLogs()
    files = {f"{LIVE}.2026-11-22.04": LOG, CLOSED: LOG}
    logs.add(
        "shop-db",
        files,
        engine="mysql",
        status="available",
        manners=SMALL,
        last_written=FIVE,
        next_live=b"",
    )
    client = DirectClient(logs)

    def remaining() -> float:
        asked = sum(call.action.startswith("Download") for call in logs.ledger.calls)
        return 60.0 if asked < 3 else 0.0

    pieces = list(RdsSource(client, remaining, pause=lambda _: None).pieces("shop-db", WINDOW))
    lost = [piece for piece in pieces if isinstance(piece, Loss)]
    assert {piece.reason for piece in lost} == {"the time for reading ran out"}
    assert [piece.file for piece in lost] == [*files]
    assert lost[0].size in range(LINE * 250, LINE * 400 + 1)
    assert lost[1].size == LINE * 400


def test_without_any_time_there_is_an_error_that_says_what_to_give() -> None:
    with pytest.raises(SourceError, match=r"time for reading ran out before it began.*timeout"):
        served(SMALL, remaining=0.0)


@given(st.binary(max_size=300), st.integers(1, 9), st.integers(1, 100))
def test_any_bytes_come_as_the_text_that_they_are(log: bytes, lines: int, limit: int) -> None:
    manners = Manners(portion_lines=lines, portion_bytes=limit, rest_follows_cut=True)
    assume(TRUNCATED.strip() not in log and not log.startswith(GZIP))
    found = served(manners, log)
    if log.isascii():
        assert len(found.text) == len(log)
    assert not [reason for reason, _ in found.losses if "cut" not in reason]
