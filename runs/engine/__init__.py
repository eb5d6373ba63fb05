"""Durable execution: runs go on from their journal, wait without cost, and act only through a claim."""
