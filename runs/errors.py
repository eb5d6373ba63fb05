"""What can go wrong with runs. Control flow of the engine is not an error and derives from BaseException."""

from tenants.errors import Conflict, Forbidden, HoldpointError, Invalid, NotFound

__all__ = ["Conflict", "Forbidden", "HoldpointError", "Invalid", "NotFound"]


class Suspend(BaseException):
    """The run parks here. Tool and workflow code cannot swallow it by catching Exception."""


class LeaseLost(BaseException):
    """Another worker holds this run now. What this one still does is not written."""


class StopRequested(BaseException):
    """People asked to stop this run, and what was being sent has come to its end: the run ends here."""


class Nondeterministic(HoldpointError):
    """The code asked for something else than the journal holds. Retry with the version that began the run."""

    code = "nondeterministic"


class RefusedClaim(Conflict):
    """The action may not be executed now."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or f"The action was not claimed: {code.replace('_', ' ')}.")
        self.code = code


class StepFailed(HoldpointError):
    """A step failed for good. Mend the cause, then retry from the failed step."""

    code = "step_failed"

    def __init__(self, path: str, error: dict) -> None:
        super().__init__(error.get("message", ""))
        self.path, self.error = path, error


class ActionRefused(HoldpointError):
    """The action was refused and nothing was sent. `code` is one of REFUSALS."""

    def __init__(self, path: str, code: str, reason: str) -> None:
        super().__init__(reason)
        self.path, self.code, self.reason = path, code, reason


class ActionFailed(StepFailed):
    """The outside world said no, or a person settled that it was not done. No effect exists."""

    code = "action_failed"


class ToolError(HoldpointError):
    """A tool could not do its work."""

    code = "tool_error"


class Unreachable(ToolError):
    """The service could not be reached, so nothing was sent."""

    code = "unreachable"
    retryable = True


class Limited(ToolError):
    """The service asked to slow down, and did nothing."""

    code = "limited"
    retryable = True

    def __init__(self, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds, as the service asked


class Unavailable(ToolError):
    """The service answered with a fault of its own (5xx). Whether it did the work is not certain."""

    code = "unavailable"
    retryable = True
    retry_after: float | None = None


class Declined(ToolError):
    """The service understood and said no."""

    code = "declined"


class TookTooLong(ToolError):
    """No answer came within the time that the step was given. It only reads, so it may be asked again."""

    code = "too_long"
    retryable = True


class NotVerified(ToolError):
    """The service confirmed it, and it is not there to be seen yet."""

    code = "not_verified"
    retryable = True


class Unclear(ToolError):
    """The request left and no clear answer came back. Nobody knows whether it was done."""

    code = "unclear"


class BrokenContract(HoldpointError):
    """An answer does not have the promised shape."""

    code = "broken_contract"
