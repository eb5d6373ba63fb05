"""Tools: calls to the outside with typed input and output, an effect class, and what undoes them.

Importing this package registers every tool of the product.
"""

from runs.tools import mail, outreach, shop

__all__ = ["mail", "outreach", "shop"]
