"""The account is true: a reader that tries everything misses what the service kept back.

Were the account too generous, a reader that gives up too early would look innocent; were
it too strict, the best reader would look guilty.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from tests.sandbox.ledger import Call, FileKey, Ledger, without
from tests.sandbox.log_file import LIVE
from tests.sandbox.manners import Manners, any_manners
from tests.sandbox.portions import TRUNCATED, Denial, Region
from tests.sandbox.rds_logs import Dropped, Portion, RdsLogs, Refusal

LOG = b"".join(b"%d:%s\n" % (number, b"x" * (number * 37 % 150)) for number in range(60))
CLOSED = f"{LIVE}.2026-11-22.04"
KEY = FileKey("shop-db", LIVE)

PASSING = {"Throttling", "ServiceUnavailable", "DBInstanceNotReady"}


class Stubborn:
    """A reader that never believes it is done and asks again however it can."""

    def __init__(self, logs: RdsLogs) -> None:
        self.logs = logs

    def read_everything(self) -> None:
        """Twice, since a file may get another name during the first time."""
        for _ in range(2):
            for name in self.names():
                self.read(name)

    def names(self) -> list[str]:
        names: list[str] = []
        marker = None
        while True:
            try:
                page = self.logs.describe("shop-db", marker=marker)
            except (Dropped, Refusal):
                continue
            if page.cut_short:
                continue
            names += [file.name for file in page.files]
            marker = page.marker
            if marker is None:
                return names

    def read(self, name: str) -> None:
        marker, lines, fewest = "0", 100, 1
        seen: Counter[str] = Counter()
        while seen[marker] < 20:
            seen[marker] += 1
            try:
                portion = self.logs.download("shop-db", name, marker, lines)
            except Dropped:
                continue
            except Refusal as refusal:
                if refusal.code == "DBLogFileNotFoundFault" or "is not valid" in refusal.message:
                    return
                if refusal.code not in PASSING:
                    marker = marker if lines > fewest else step_over(marker)
                    lines = max(fewest, lines // 2)
                continue
            if portion.cut_short:
                continue
            if TRUNCATED in portion.data and lines > fewest:
                lines = max(fewest, lines // 2)
            elif ended(portion, marker):
                return
            elif portion.data and portion.marker == marker:
                fewest += 1
                lines = max(fewest, lines)
            else:
                marker, lines = portion.marker, 100 if portion.data else lines


def ended(portion: Portion, marker: str) -> bool:
    return not portion.data and not portion.pending and portion.marker == marker


def step_over(marker: str) -> str:
    """One byte further, as far as a marker says where it stands."""
    hour, colon, position = marker.rpartition(":")
    return f"{hour or 0}:{int(position) + 1}" if colon or marker == "0" else marker


def serve(manners: Manners) -> RdsLogs:
    logs = RdsLogs()
    logs.add(
        "shop-db",
        {LIVE: LOG, CLOSED: LOG},
        engine="mysql",
        status="available",
        manners=manners,
        last_written={},
        next_live=LOG,
    )
    return logs


@given(st.integers(0), st.integers(0, 6))
def test_what_a_stubborn_reader_misses_is_what_was_withheld(seed: int, faults: int) -> None:
    manners = any_manners(seed, faults=faults)
    logs = serve(manners)
    Stubborn(logs).read_everything()
    missed = logs.ledger.undelivered(logs.sizes())
    withheld = logs.ledger.withheld()
    # Nobody can step over that.
    if not (manners.binary and (manners.markers == "opaque" or manners.strict_markers)):
        for span in missed:
            key = (span.instance, span.file)
            kept = [Region(s.start, s.end) for s in withheld if (s.instance, s.file) == key]
            assert not without([Region(span.start, span.end)], kept), (manners, span, withheld)


@given(st.integers(0))
@example(0)
def test_documented_manners_withhold_only_what_exceeds_the_limit(seed: int) -> None:
    limits = any_manners(seed, faults=0)
    logs = serve(limits)
    Stubborn(logs).read_everything()
    assert {span.reason for span in logs.ledger.withheld()} <= {"limit"}
    assert logs.ledger.repeated() == []
    longest = max(map(len, LOG.splitlines(keepends=True)))
    if limits.portion_bytes >= longest:
        assert logs.ledger.undelivered(logs.sizes()) == []


def call(marker: str, *regions: tuple[int, int], denied: tuple[int, int] = (0, 0)) -> Call:
    return Call(
        "DownloadDBLogFilePortion",
        instance="shop-db",
        file=LIVE,
        marker=marker,
        source=KEY,
        regions=tuple(Region(*region) for region in regions),
        denials=(Denial(*denied, "limit"),),
    )


def test_what_is_given_later_was_not_withheld() -> None:
    ledger = Ledger([call("0", (0, 10), denied=(10, 20)), call("5:20", (12, 20))])
    assert ledger.withheld() == [("shop-db", LIVE, 10, 12, "limit")]
    assert ledger.undelivered({KEY: 25}) == [
        ("shop-db", LIVE, 10, 12, ""),
        ("shop-db", LIVE, 20, 25, ""),
    ]


def test_the_same_marker_asked_again_repeats_nothing() -> None:
    ledger = Ledger([call("0", (0, 10)), call("0", (0, 5)), call("5:5", (5, 12))])
    assert ledger.repeated() == []
    assert ledger.undelivered({KEY: 12}) == []


def test_two_markers_for_the_same_bytes_repeat_them() -> None:
    ledger = Ledger([call("0", (0, 10)), call("5:8", (8, 20))])
    assert ledger.repeated() == [("shop-db", LIVE, 8, 10, "")]
