"""What a decision can run into."""

from tenants.errors import Conflict, Forbidden, Invalid, NotFound

__all__ = ["Conflict", "Forbidden", "Invalid", "NotFound"]


class AlreadyDecided(Conflict):
    """Somebody was faster. Your answer was not recorded."""

    code = "already_decided"


class PayloadChanged(Conflict):
    """What you saw is no longer what would run. Look at the new revision and decide again."""

    code = "payload_changed"


class NotYours(Forbidden):
    """You may not decide this request."""

    code = "not_yours"


class AlreadyExecuted(Conflict):
    """It was already being executed when you answered: an outcome may exist. Nothing was stopped."""

    code = "already_claimed"
