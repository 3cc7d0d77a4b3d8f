"""Channels: where a message goes, and how to be sure that it arrived.

The words. A *message* is a tree of plain text, made of *parts* (heading, paragraph,
preformatted lines, facts, footnote, alert) and of *replies* that belong in a thread below
them. A *channel* is a place that takes messages; its *kind* is the medium. A *notifier*
is a channel ready for use. A *delivery* is one message to one channel.

The principle: **all of it arrives, or somebody is told.** A channel may split what its
medium cannot take whole, and show a character that would act as one that does not, but it
never cuts in silence. What did not arrive is raised as a ``DeliveryError`` which says how
much did, why, and what to try, and which holds no secret and nothing of the message.

The package knows messages and media. It does not know what the messages are about.

To add a kind: a module with a class that has ``send(message, remaining)``, a line in
``CHANNELS``, a line in the conformance suite. Keyword-only parameters of its constructor are
its options. Where the medium tells how it is before anything is posted, ``inquire()`` asks.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature

from notifiers.message import Notifier
from notifiers.options import OptionError

CHANNELS = {
    "apprise": "notifiers.apprise:Apprise",
    "console": "notifiers.console:Console",
    "slack": "notifiers.slack:Slack",
    "webhook": "notifiers.webhook:Webhook",
}
"""Kind of channel → ``module:Class``, imported when a channel of that kind is created."""


def create(kind: str, /, **options: object) -> Notifier:
    """Return a channel of ``kind``, one of ``CHANNELS``.

    Raises :class:`~notifiers.options.OptionError` for a kind that does not exist and for
    options that are unknown, missing or unusable. It names them and shows no value.
    """
    if kind not in CHANNELS:
        msg = f"there is no channel of kind {kind!r}; try: one of {', '.join(CHANNELS)}"
        raise OptionError(msg)
    module, _, name = CHANNELS[kind].partition(":")
    channel: Callable[..., Notifier] = getattr(import_module(module), name)
    known = {
        parameter.name: parameter.default is Parameter.empty
        for parameter in signature(channel).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY
    }
    if unknown := sorted(options.keys() - known.keys()):
        msg = (
            f"a {kind} channel has no option {', '.join(unknown)}; "
            f"try: {', '.join(known) or 'none, it takes no options'}"
        )
        raise OptionError(msg)
    if missing := sorted(name for name, needed in known.items() if needed and name not in options):
        msg = f"a {kind} channel lacks the option {', '.join(missing)}; try: add it"
        raise OptionError(msg)
    return channel(**options)
