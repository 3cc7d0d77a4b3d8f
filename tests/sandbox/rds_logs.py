"""The two RDS log calls: what an instance's files are, and what a portion of one holds.

Answers are values and refusals are exceptions; what they look like on the wire is told
elsewhere. Wire codes and limits are those of the RDS API reference.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import NoReturn

from tests.sandbox.ledger import Call, FileKey, Ledger
from tests.sandbox.log_file import LIVE, POSTGRESQL, Log, LogFile, live_of, load
from tests.sandbox.manners import Burst, Manners
from tests.sandbox.portions import Denial, cut, line_start, offset, tail

BINARY = "This file contains binary data and should be downloaded instead of viewed."


class Refusal(Exception):
    """An error the service answers with: its wire code, its words and its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


class Dropped(Exception):
    """The connection closes and nobody says why."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of the list: ``last_written`` in milliseconds since the epoch, size in bytes."""

    name: str
    last_written: int
    size: int


@dataclass(frozen=True, slots=True)
class FileList:
    """A page of an instance's files, and the marker of the next page if there is one."""

    files: tuple[Listed, ...]
    marker: str | None
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Portion:
    """A portion of a file, to be shown as ``manners`` want it."""

    data: bytes
    marker: str
    pending: bool
    manners: Manners
    cut_short: bool = False


@dataclass(slots=True)
class _Instance:
    engine: str
    status: str
    manners: Manners
    live: str
    next_live: LogFile
    files: dict[str, LogFile]
    vanished: dict[str, LogFile] = field(default_factory=dict)
    rotated: bool = False
    live_missing_for: int = 0
    answered: int = 0
    struck: Counter[str] = field(default_factory=Counter)

    def misses(self, file: str) -> bool:
        """Whether ``file`` is the live one and cannot be seen for a while."""
        return file == self.live and self.live_missing_for > 0

    def pass_a_call(self) -> None:
        self.live_missing_for = max(0, self.live_missing_for - 1)


@dataclass(slots=True)
class RdsLogs:
    """The log service of one account and region."""

    ledger: Ledger = field(default_factory=Ledger)
    _instances: dict[str, _Instance] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(  # noqa: PLR0913 - what there is to say about an instance
        self,
        name: str,
        logs: Mapping[str, Log],
        *,
        engine: str,
        status: str,
        manners: Manners,
        last_written: datetime | Mapping[str, datetime],
        next_live: bytes,
    ) -> None:
        """Serve ``logs`` as the files of the instance ``name``, anew if it is known."""
        times = (
            dict.fromkeys(logs, last_written)
            if isinstance(last_written, datetime)
            else last_written
        )
        files = {
            file: load(FileKey(name, file), log, times.get(file), manners)
            for file, log in logs.items()
        }
        live = live_of({file: each.last_written for file, each in files.items()})
        written = files[live].last_written + timedelta(hours=1) if live in files else None
        after = load(FileKey(name, f"{live} after rotation"), next_live, written, manners)
        with self._lock:
            self._instances[name] = _Instance(engine, status, manners, live, after, files)

    def describe(  # noqa: PLR0913 - the parameters of the API call
        self,
        name: str,
        *,
        contains: str = "",
        written_since: int = 0,
        larger_than: int = -1,
        max_records: int | None = None,
        marker: str | None = None,
    ) -> FileList:
        """The instance's files by name, a page at a time; ``written_since`` in milliseconds."""
        call = Call("DescribeDBLogFiles", instance=name, marker=marker)
        self._wait(name)
        with self._lock:
            instance, cut_short = self._enter(call)
            listed = [
                Listed(
                    file_name,
                    round(file.last_written.timestamp() * 1000),
                    max(
                        0,
                        file.size
                        - file.base(file_name, instance.manners)
                        + instance.manners.size_off,
                    ),
                )
                for file_name, file in sorted(instance.files.items())
                if not instance.misses(file_name)
            ]
            instance.pass_a_call()
            wanted = [
                file
                for file in listed
                if contains in file.name
                and file.last_written >= written_since
                and file.size > larger_than
                and file.name > (marker or "")
            ]
            size = min(max_records or instance.manners.page_size, instance.manners.page_size)
            more = wanted[size - 1].name if len(wanted) > size else None
            call = replace(call, next_marker=more, pending=more is not None)
            self._leave(instance, call, cut_short=cut_short)
            return FileList(tuple(wanted[:size]), more, cut_short)

    def download(
        self, name: str, file_name: str, marker: str | None = None, lines: int | None = None
    ) -> Portion:
        """The lines from ``marker`` on, or the latest ``lines`` lines without a marker."""
        call = Call(
            "DownloadDBLogFilePortion",
            instance=name,
            file=file_name,
            marker=marker,
            lines=lines,
        )
        self._wait(name)
        with self._lock:
            instance, cut_short = self._enter(call)
            file = self._find(instance, call)
            portion, call = self._read(instance, file, replace(call, source=file.key))
            if call.regions and not cut_short:
                file.portions += 1
                file.struck.clear()
                if file.portions == instance.manners.vanish_after:
                    instance.vanished[file_name] = instance.files.pop(file_name)
            self._leave(instance, call, cut_short=cut_short)
            return replace(portion, cut_short=cut_short)

    def note(self, call: Call) -> None:
        """Enter a call into the ledger that was answered elsewhere."""
        with self._lock:
            self.ledger.calls.append(call)

    def sizes(self) -> dict[FileKey, int]:
        """The length of every file there ever was."""
        with self._lock:
            return {
                file.key: len(file.content)
                for instance in self._instances.values()
                for file in (*instance.files.values(), *instance.vanished.values())
            }

    def rotated(self) -> set[str]:
        """The names of the instances whose live file was rotated."""
        with self._lock:
            return {name for name, instance in self._instances.items() if instance.rotated}

    def _wait(self, name: str) -> None:
        """Before the lock is taken, so that slow answers are slow side by side."""
        instance = self._instances.get(name)
        if instance:
            time.sleep(instance.manners.seconds_per_call)

    def _enter(self, call: Call) -> tuple[_Instance, bool]:
        """The instance, unless this call is to fail; and whether its answer is cut short."""
        instance = self._instances.get(call.instance)
        if instance is None:
            message = f"DBInstance {call.instance} not found."
            self._refuse(call, Refusal("DBInstanceNotFound", message, 404))
        manners = instance.manners
        if _strikes(manners.dropped, "dropped", instance):
            self.ledger.calls.append(replace(call, outcome="dropped"))
            raise Dropped
        if _strikes(manners.unavailable, "unavailable", instance):
            self._refuse(call, Refusal("ServiceUnavailable", "Service Unavailable", 503))
        if _strikes(manners.throttled, "throttled", instance):
            self._refuse(call, Refusal("Throttling", "Rate exceeded"))
        ready = instance.status == "available"
        if not ready or _strikes(manners.not_ready, "not_ready", instance):
            message = f"DB instance {call.instance} is not ready."
            self._refuse(call, Refusal("DBInstanceNotReady", message))
        return instance, _strikes(manners.cut_short, "cut_short", instance)

    def _leave(self, instance: _Instance, call: Call, *, cut_short: bool) -> None:
        if cut_short:
            call = replace(call, outcome="cut short")
        else:
            instance.answered += 1
            instance.struck.clear()
        self.ledger.calls.append(call)

    def _refuse(self, call: Call, refusal: Refusal) -> NoReturn:
        self.ledger.calls.append(replace(call, outcome=refusal.code))
        raise refusal

    def _find(self, instance: _Instance, call: Call) -> LogFile:
        live = instance.files.get(instance.live)
        due = instance.manners.rotate_after
        if call.file == instance.live and live and live.portions == due and not instance.rotated:
            _rotate(instance, live)
        file = instance.files.get(call.file)
        missing = instance.misses(call.file)
        instance.pass_a_call()
        if file is None or missing:
            gone = instance.vanished.get(call.file)
            if gone:
                whole = Denial(0, len(gone.content), "vanish_after")
                call = replace(call, source=gone.key, denials=(whole,))
            message = f"DBLog File: {call.file}, is not found on the DB instance"
            self._refuse(call, Refusal("DBLogFileNotFoundFault", message, 404))
        return file

    def _read(self, instance: _Instance, file: LogFile, call: Call) -> tuple[Portion, Call]:
        manners = instance.manners
        end = len(file.content)
        base = file.base(call.file, manners)
        lines = min(call.lines or manners.portion_lines, manners.portion_lines)
        position = self._position(file, base, lines, call)
        asked = call.marker or file.markers.at(position - base)

        if _strikes(manners.stalled, "stalled", file):
            return _answer(manners, replace(call, next_marker=asked, pending=True))
        if _strikes(manners.empty, "empty", file):
            times = file.struck["empty"]
            other = file.markers.at(position - base, call.marker, variant=times)
            return _answer(manners, replace(call, next_marker=other, pending=True))
        if position >= end:
            call = replace(call, next_marker=asked, pending=manners.never_done)
            return _answer(manners, call)

        position -= _earlier(file, base, position, manners)
        got = cut(file.content, position, lines, manners)
        refused = any(
            region.start <= offset(file.content, place) < region.end
            for place in manners.binary
            for region in got.regions
        )
        if refused:
            call = replace(call, denials=tuple(Denial(*region, "binary") for region in got.regions))
            self._refuse(call, Refusal("InvalidParameterValue", BINARY))

        behind, denials = got.next, list(got.denials)
        if base:
            denials.append(Denial(0, base, "live_begins_at"))
        behind -= _overlap(file, position, behind, manners)
        pending = behind < end
        if manners.done_from is not None:
            pending = behind < min(end, offset(file.content, manners.done_from))
        if manners.loop:
            passed, back = (offset(file.content, place) for place in manners.loop)
            if position <= passed < behind:
                denials.append(Denial(got.next, end, "loop"))
                behind, pending = max(base, back), True
        following = file.markers.at(behind - base, call.marker, delivered=len(got.data))
        if _strikes(manners.echo, "echo", file):
            following = asked
        call = replace(
            call,
            next_marker=following,
            pending=pending or manners.never_done,
            delivered=len(got.data),
            regions=got.regions,
            denials=tuple(denials),
        )
        return _answer(manners, call, got.data)

    def _position(self, file: LogFile, base: int, lines: int, call: Call) -> int:
        """Where the call wants to read; a marker of another file points past the end."""
        if call.marker is None:
            return max(base, tail(file.content, lines))
        try:
            position = file.markers.position(call.marker)
        except ValueError as error:
            self._refuse(call, Refusal("InvalidParameterValue", str(error)))
        return len(file.content) if position is None else base + position


def _earlier(file: LogFile, base: int, position: int, manners: Manners) -> int:
    """How many bytes before its marker a portion begins."""
    if position == base:
        return 0
    at_least = max(base, _may_repeat_from(file, position, manners))
    return min(manners.begins_early, (position - at_least) // 2)


def _overlap(file: LogFile, position: int, behind: int, manners: Manners) -> int:
    """How many bytes before its end a portion's marker points."""
    if behind == len(file.content):
        return 0
    at_least = max(position, _may_repeat_from(file, behind, manners))
    return min(manners.overlap, (behind - at_least) // 2)


def _may_repeat_from(file: LogFile, position: int, manners: Manners) -> int:
    """Where a repeat of what stands before a position may begin, so that reading gets on.

    That is in the line there, and not in front of a gap.
    """
    gaps = [offset(file.content, place) for place in manners.gaps]
    line = line_start(file.content, position - 1)
    return max([line, *(gap for gap in gaps if gap <= position)])


def _answer(manners: Manners, call: Call, data: bytes = b"") -> tuple[Portion, Call]:
    return Portion(data, call.next_marker or "", call.pending, manners), call


def _strikes(burst: Burst | None, name: str, target: _Instance | LogFile) -> bool:
    """Whether the burst strikes the target now; it remembers that it did."""
    answered = target.answered if isinstance(target, _Instance) else target.portions
    if burst is None or not burst.strikes_at(answered) or target.struck[name] >= burst.times:
        return False
    target.struck[name] += 1
    return True


def _rotate(instance: _Instance, live: LogFile) -> None:
    """Close the live file: MariaDB numbers and shifts, MySQL appends the UTC hour.

    PostgreSQL begins another, named by the time; the one before keeps its name.
    """
    instance.rotated = True
    instance.live_missing_for = instance.manners.live_missing_for
    files = instance.files
    if instance.live != LIVE:
        _, dot, ending = instance.live.removeprefix(POSTGRESQL).partition(".")
        instance.live = f"{POSTGRESQL}{live.last_written:%Y-%m-%d-%H%M}{dot}{ending}"
        files[instance.live] = instance.next_live
        return
    closed = f"{LIVE}.{live.last_written:%Y-%m-%d.%H}"
    if instance.engine == "mariadb":
        numbered = [int(name.rpartition(".")[2]) for name in files if _NUMBERED.fullmatch(name)]
        for number in sorted(numbered, reverse=True):
            files[f"{LIVE}.{number + 1}"] = files.pop(f"{LIVE}.{number}")
        closed = f"{LIVE}.1"
    files[closed] = live
    files[LIVE] = instance.next_live


_NUMBERED = re.compile(re.escape(LIVE) + r"\.\d+")
