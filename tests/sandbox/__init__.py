"""What the product talks to, on loopback ports of this machine.

A *stand-in* answers as the real service does, with the service's limits and its *manners*,
the odd ones included, so that unmodified clients can be used against it. Tests and the demo
use this package; nothing in the product knows that it exists.
"""
