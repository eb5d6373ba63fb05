"""The outside world of the demo: a shop's orders, a ledger that pays, and a mailbox.

Three programs, each a process of its own on the loopback address, each with its own record on disk. They know nothing of
Holdpoint and import none of it, so what they have written down is evidence that Holdpoint could not have invented.
"""
