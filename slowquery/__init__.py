"""From an hour of an RDS slow-query log to a message in a chat, in one line.

    source → reader → fingerprint → aggregate → digest → render → notify

A *source* brings the bytes of an instance's log files for a *window* of time, in
*portions*. A *reader* makes *events* of them, in batches of columns. A *fingerprint* is a
statement with its literals taken out; the events that share one are a *query class*, and
its *query id* is the fingerprint's MD5. The *table* adds up what the events of each class
took. A *digest* is that table ranked, cut and totalled, with an account of every byte that
was read, its *coverage*. It is rendered as a *message* for *channels*, as text, Markdown or
JSON, and as metrics.

There is no way back: each module knows those before it and none behind it. ``line`` puts
one log through all of it; ``app`` does so for every instance, and tells every channel. Only
``handler`` and ``cli`` know a clock, an environment and a terminal.

Two promises are kept by construction. Raw SQL stops at the batch: nothing behind it has a
field that could hold a literal. And nothing is lost in silence: bytes that were not
understood, events that were left out and files that could not be read are numbers and
sentences in the result.
"""
