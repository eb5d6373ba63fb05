"""Errors a caller can react to. The docstring is the default message and says what to do next."""


class HoldpointError(Exception):
    """Something went wrong. Nothing was changed."""

    code = "error"
    http_status = 400
    retryable = False

    def __init__(self, message: str = "", **facts: object) -> None:
        super().__init__(message or (self.__doc__ or "").strip())
        self.facts = facts  # what a page or an API answer may show beside the message

    @property
    def message(self) -> str:
        return str(self)


class NotFound(HoldpointError):
    """There is nothing with this address here. It may belong to another tenant of yours."""

    code = "not_found"
    http_status = 404


class Forbidden(HoldpointError):
    """Your role does not allow this. An admin of the tenant can grant it."""

    code = "forbidden"
    http_status = 403


class Invalid(HoldpointError):
    """A field has to be changed first. Nothing was written."""

    code = "invalid"
    http_status = 422


class Conflict(HoldpointError):
    """Somebody or something was faster. Look at the present state and decide again."""

    code = "conflict"
    http_status = 409


class Unauthenticated(HoldpointError):
    """No valid key came with the request. Send it as: Authorization: Bearer KEY."""

    code = "unauthenticated"
    http_status = 401


class TenantMissing(HoldpointError):
    """This needs a tenant and none is set."""

    code = "tenant_missing"
    http_status = 500
