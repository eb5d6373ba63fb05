"""Agents: workflows, the models that plan in them, and the contracts their words must pass.

Importing this package registers every workflow of the product.
"""

from runs.agents import outbound, refund_desk

__all__ = ["outbound", "refund_desk"]
