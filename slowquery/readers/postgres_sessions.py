"""What a session of PostgreSQL has begun, and the executions that come of it.

A :class:`Step` is a line with a duration. What it is worth shows in the lines of its session
behind it, so it is kept until then.
"""

from __future__ import annotations

from typing import Final

from slowquery.readers.postgres_formats import Origin

OPEN_SIZE: Final = 8 * 1024 * 1024
"""Bytes of statements of sessions that are remembered; the longest idle are given up first."""

_OPEN_STEP: Final = 300  # what a remembered step takes up beside its statement, roughly
_OPEN_SESSION: Final = 1_000
_UNNAMED: Final = b"<unnamed>"


class Step:
    """A line with a duration: its text, its own duration and those of steps before it, µs."""

    __slots__ = ("bind", "ended_at", "origin", "parse", "text", "took")

    def __init__(self, text: bytes, ended_at: int | None, took: int, origin: Origin) -> None:
        self.text = text
        self.ended_at = ended_at
        self.took = took
        self.origin = origin
        self.parse = 0
        self.bind = 0


class _Session:
    """What a session has begun: texts that wait for a duration, steps for an execution."""

    __slots__ = ("bound", "is_idle", "parsed", "running", "said")

    def __init__(self) -> None:
        self.said: tuple[bytes, bytes | None, bool] | None = None
        self.parsed: dict[bytes, Step] = {}
        self.bound: dict[bytes, Step] = {}
        self.running: dict[bytes, Step] = {}
        self.is_idle = False


class Sessions:
    """Joins the lines of sessions into executions; ``ended`` holds those that are over.

    ``unproven`` is where the last line of a session stands that is a step and may have failed.

    What is open takes ``OPEN_SIZE`` at most. Beyond it sessions are given up, as if they had
    ended, in the order in which they began; one that was heard of meanwhile has another turn.
    """

    def __init__(self) -> None:
        self.ended: list[Step] = []
        self.unproven: dict[bytes, tuple[dict[bytes, Step], bytes]] = {}
        self._sessions: dict[bytes, _Session] = {}
        self._size = 0

    def parsed(self, name: bytes, step: Step) -> None:
        """Take note of a statement that was prepared, under its name."""
        session = self._session(step)
        if name in session.parsed:
            self._over(session.parsed.pop(name))
        step.parse = step.took
        session.parsed[name] = step
        self.unproven[step.origin.session] = session.parsed, name
        self._keep(step)

    def bound(self, name: bytes, step: Step) -> None:
        """Take note of a portal that was made of it."""
        session = self._session(step)
        if name in session.running:
            self._over(session.running.pop(name))
        if name in session.bound:
            self._over(session.bound.pop(name))
        if session.parsed:
            step.parse = self._parse_of(session, name, step.text)
        step.bind = step.took
        session.bound[name] = step
        self.unproven[step.origin.session] = session.bound, name
        self._keep(step)

    def executed(self, name: bytes, step: Step, *, is_fetch: bool = False) -> None:
        """Take note of an execution, or of the rest of one that has begun."""
        session = self._session(step)
        running = session.running.pop(name, None)
        if running and is_fetch and running.text == step.text:
            step.took += running.took
            step.parse, step.bind = running.parse, running.bind
            session.running[name] = step
            return
        if running:
            self._over(running)
        session.running[name] = step
        bound = session.bound.pop(name, None)
        if bound and bound.text == step.text:
            step.parse, step.bind = bound.parse, bound.bind
            return
        if bound:
            self._over(bound)
        step.parse = self._parse_of(session, name, step.text)
        self._keep(step)

    def said(self, step: Step, name: bytes | None = None, *, is_fetch: bool = False) -> None:
        """Take note of a text whose duration comes on a line of its own, if at all."""
        session = self._session(step)
        self._unsaid(session)
        session.said = step.text, name, is_fetch
        self._size += len(step.text)
        if self._size > OPEN_SIZE:
            self._give_up()

    def took(self, step: Step) -> bool:
        """Take note of a bare duration; tell whether there was a text, which it gets then."""
        said = self._unsaid(self._session(step))
        if said is None:
            self.ended.append(step)
            return False
        step.text, name, is_fetch = said
        if name is None:
            self.ended.append(step)
        else:
            self.executed(name, step, is_fetch=is_fetch)
        return True

    def spoke(self, key: bytes) -> None:
        """Take note of a plain statement: the step before it ran, and what has no name is gone."""
        session = self._sessions.get(key)
        if session and self.unproven.pop(key, None):
            for name in [name for name in session.bound if b"/" not in name]:
                self._over(session.bound.pop(name))
            if _UNNAMED in session.parsed:
                self._over(session.parsed.pop(_UNNAMED))

    def failed(self, key: bytes) -> None:
        """Forget what failed: a step right before it, or a text that has no duration yet."""
        session = self._sessions.get(key)
        if session:
            if key in self.unproven:
                steps, name = self.unproven.pop(key)
                self._taken(steps.pop(name))
            self._unsaid(session)

    def over(self, key: bytes) -> None:
        """End a session."""
        session = self._sessions.pop(key, None)
        if session:
            self._size -= _OPEN_SESSION
            self.unproven.pop(key, None)
            self._unsaid(session)
            for steps in (session.running, session.bound, session.parsed):
                for step in steps.values():
                    self._over(step)

    def all_over(self) -> None:
        """End every session: the log has ended."""
        for key in [*self._sessions]:
            self.over(key)

    def _session(self, step: Step) -> _Session:
        """Return the session of a step, which shows that the one before it did not fail."""
        session = self._sessions.get(step.origin.session)
        if session is None:
            session = self._sessions[step.origin.session] = _Session()
            self._size += _OPEN_SESSION
        session.is_idle = False
        self.unproven.pop(step.origin.session, None)
        return session

    def _parse_of(self, session: _Session, name: bytes, text: bytes) -> int:
        """Return the time of a statement's parsing, if it is not told yet."""
        for key in (name, name.partition(b"/")[0]) if session.parsed else ():
            parsed = session.parsed.get(key)
            if parsed and parsed.text == text:
                del session.parsed[key]
                self._taken(parsed)
                return parsed.parse
        return 0

    def _keep(self, step: Step) -> None:
        self._size += len(step.text) + _OPEN_STEP
        if self._size > OPEN_SIZE:
            self._give_up()

    def _taken(self, step: Step) -> None:
        self._size -= len(step.text) + _OPEN_STEP

    def _over(self, step: Step) -> None:
        self._taken(step)
        self.ended.append(step)

    def _unsaid(self, session: _Session) -> tuple[bytes, bytes | None, bool] | None:
        said, session.said = session.said, None
        self._size -= len(said[0]) if said else 0
        return said

    def _give_up(self) -> None:
        while self._size > OPEN_SIZE:
            key = next(iter(self._sessions))
            session = self._sessions[key]
            if session.is_idle or len(self._sessions) == 1:
                self.over(key)
            else:
                session.is_idle = True
                self._sessions[key] = self._sessions.pop(key)  # the last of them now
