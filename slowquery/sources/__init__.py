"""Sources: where the bytes of a log come from, one module for each kind of place.

A *source* yields *pieces* in the order of the log: *portions*, some consecutive bytes of
one file, and *losses*, the places where bytes are known to be missing. A source knows
nothing of what the bytes mean; where it cuts them is of no importance to a reader.

The principle: **every byte is delivered once, or the place where it is missing is.** What
keeps a source from reading anything at all is an error that says what, why and what to
try, in the operator's words, and that holds nothing of the log.
"""
