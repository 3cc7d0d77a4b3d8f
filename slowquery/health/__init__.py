"""The sibling that knows why nothing arrives.

A *question* is put to AWS or to a channel, and its answer is a value: what was found, or
the error why nothing was. Questions are put side by side, each with a time limit, whatever
became of the others. A *check* is what the answers mean: one sentence that says what was
seen, and one that says what to do. All sentences stand in one table, ``sentences``, from
which ``docs/troubleshooting.md`` is made too.

    aws, channels → answers → judge → checks → page, metrics

Silence has few causes, and most of them look the same from outside. Where a right allows
to tell them apart the check names the cause; where not, it names the candidates, the
likeliest first. What could not be asked is *unknown*, which is no failure.

No answer has room for a literal or a secret: of a log's last lines the digest is kept, of
a parameter group the few values that decide about the log.
"""
