"""What an invocation asks for: an event of Lambda as a request, or why it is not one.

A *scheduled* event names the moment it was due and gets the clock hour before it. An event
*on demand* names its window. The same event always means the same window, with two
exceptions on demand: without ``at``, ``{"last": …}`` and a time without a day, such as
``13:00Z``, go by the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from slowquery.errors import Unusable
from slowquery.model import Window
from slowquery.window import WindowError, between, hour_before, parse_span, parse_time

SCHEDULER_KEY: Final = "scheduled_time"
"""What the schedule's input sets to ``<aws.scheduler.scheduled-time>``."""

_RULE_KEYS: Final = frozenset(
    {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    | {"replay-name"}
)
"""The envelope of an EventBridge rule's event, the last one where an archive is replayed
(EventBridge user guide, "Events")."""

_KEYS: Final = frozenset({"start", "end", "last", "at", "instances", "channels", "rehearse"})

_SHOWN: Final = 5
"""Unknown keys that a refusal names."""

FORMS: Final = (
    '{"start": "2026-11-22T13:00Z", "end": "2026-11-22T14:00Z"} or {"last": "3h"}, '
    'perhaps with "at", "instances" and "channels"'
)


HEALTH_FORMS: Final = '{} or {"channels": ["team"]}'


class InvocationError(Unusable, ValueError):
    """An event that means nothing here: what is wrong with it, and what to send."""


class Request(NamedTuple):
    """What to digest, and where to.

    ``at`` is the moment (microseconds) from which is judged whether the window's log can
    still grow. ``instances`` and ``channels`` are names from the settings; ``None`` stands
    for all of them. A request on demand posts to no channel unless it names some. A
    ``rehearsal`` also makes every channel ready, secrets included, and sends nothing.
    """

    window: Window
    at: int
    scheduled: bool = False
    instances: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    rehearsal: bool = False


class HealthRequest(NamedTuple):
    """What an event asks of the health check: where to post what it finds, if anywhere."""

    channels: tuple[str, ...] = ()


def health_request(event: object) -> HealthRequest:
    """Return what ``event`` asks of the health check; its schedule's asks for no post.

    Raises :class:`InvocationError`.
    """
    if not isinstance(event, Mapping):
        msg = f"the event is no JSON object; try: {HEALTH_FORMS}"
        raise InvocationError(msg)
    if unknown := sorted(repr(key)[:40] for key in event if key not in {"channels", SCHEDULER_KEY}):
        shown = ", ".join(unknown[:_SHOWN])
        msg = f"the event has a key that means nothing here: {shown}; try: {HEALTH_FORMS}"
        raise InvocationError(msg)
    return HealthRequest(_names(event, "channels") or ())


def request(event: object, now: int) -> Request:
    """Return what ``event`` asks for; raise :class:`InvocationError` if that is unclear."""
    if not isinstance(event, Mapping):
        msg = f"the event is no JSON object; try: {FORMS}"
        raise InvocationError(msg)
    try:
        if SCHEDULER_KEY in event:
            _only(event, frozenset({SCHEDULER_KEY}))
            return _scheduled(_text(event, SCHEDULER_KEY))
        if "time" in event:
            _only(event, _RULE_KEYS)
            return _scheduled(_text(event, "time"))
        return _on_demand(event, now)
    except WindowError as error:
        msg = f"the event's times: {error}"
        raise InvocationError(msg) from None


def _scheduled(moment: str) -> Request:
    at = parse_time(moment)
    return Request(hour_before(at), at, scheduled=True)


def _on_demand(event: Mapping[object, object], now: int) -> Request:
    _only(event, _KEYS)
    at = parse_time(_text(event, "at"), now) if "at" in event else now
    if "last" in event and not event.keys() & {"start", "end"}:
        window = between(at - parse_span(_text(event, "last")), at)
    elif "start" in event and "end" in event and "last" not in event:
        window = between(parse_time(_text(event, "start"), at), parse_time(_text(event, "end"), at))
    else:
        msg = f"the event names no window; try: {FORMS}"
        raise InvocationError(msg)
    instances = _names(event, "instances")  # RDS stores them in lower case
    return Request(
        window,
        at,
        instances=None if instances is None else tuple(map(str.lower, instances)),
        channels=_names(event, "channels") or (),
        rehearsal=_flag(event, "rehearse"),
    )


def _only(event: Mapping[object, object], known: frozenset[str]) -> None:
    unknown = sorted(repr(key)[:40] for key in event if key not in known)
    if unknown:
        shown = ", ".join(unknown[:_SHOWN])
        msg = f"the event has a key that means nothing here: {shown}; try: {FORMS}"
        raise InvocationError(msg)


def _text(event: Mapping[object, object], key: str) -> str:
    value = event[key]
    if not isinstance(value, str):
        msg = f"{key!r} in the event is no text; try: {FORMS}"
        raise InvocationError(msg)
    return value


def _flag(event: Mapping[object, object], key: str) -> bool:
    value = event.get(key, False)
    if not isinstance(value, bool):
        msg = f"{key!r} in the event is neither true nor false; try: leave it out"
        raise InvocationError(msg)
    return value


def _names(event: Mapping[object, object], key: str) -> tuple[str, ...] | None:
    if key not in event:
        return None
    value = event[key]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        msg = f'{key!r} in the event is no list of names; try: ["shop-db"]'
        raise InvocationError(msg)
    return tuple(dict.fromkeys(value))
