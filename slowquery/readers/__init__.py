"""Readers: the bytes of a log as *batches* of *events*, one module for each family of logs.

A reader is a function from pieces to batches. It is pure, it holds no more of the log than
a few stretches, however long a statement is, and it depends on nothing but the bytes: where
they were cut into portions never matters. Its principle: **no input makes it raise.** Logs are
written by servers that crash, rotate and contradict their manuals; what a reader does not
understand it skips and counts, with a reason.
"""
