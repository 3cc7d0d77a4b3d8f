"""The tests mirror the tree; ``tests.sandbox`` is the local AWS that they and the demo use."""
