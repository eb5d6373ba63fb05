"""A real model, through pydantic-ai: any provider and model it knows, named `provider:model`.

Imported only when HOLDPOINT_MODEL names one. The keys are the provider's own variables (OPENAI_API_KEY, ...).
"""

import warnings
from typing import Any

from pydantic_ai import direct, exceptions
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import Model as Provider
from pydantic_ai.models import infer_model
from pydantic_ai.settings import ModelSettings

from runs import errors
from runs.agents import prompts
from runs.agents.models import Completion, Prompt

MOST_TOKENS = 1200


class RemoteModel:
    """One model of one provider."""

    def __init__(self, name: str, *, within_s: float, provider: Provider | None = None) -> None:
        self.name, self._within_s = name, within_s
        self._provider = provider if provider is not None else _provider(name)

    def complete(self, prompt: Prompt) -> Completion:
        instructions, version = prompts.instructions_of(prompt.task)
        request = ModelRequest.user_text_prompt(prompts.facts_of(prompt.facts), instructions=instructions)
        # One try: what is worth trying again, the run does, where it can be seen.
        settings = ModelSettings(
            max_tokens=MOST_TOKENS, timeout=self._within_s, request_timeout=self._within_s, max_retries=0
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a provider leaves out of its usage is no reason to stop
                said = direct.model_request_sync(self._provider, [request], model_settings=settings)
        except exceptions.ModelAPIError as error:
            raise _as_ours(error, self.name) from None
        except (exceptions.UnexpectedModelBehavior, exceptions.UserError) as error:
            raise errors.BrokenContract(f"{self.name} gave no usable answer: {_first(error)}") from None
        text = "".join(part.content for part in said.parts if part.part_kind == "text").strip()
        if not text:
            raise errors.BrokenContract(f"{self.name} answered with nothing.")
        return Completion(
            text=_unfenced(text),
            model=said.model_name or self.name,
            tokens_in=said.usage.input_tokens or 0,
            tokens_out=said.usage.output_tokens or 0,
            prompt=version,
        )


def _provider(name: str) -> Provider:
    try:
        return infer_model(name)
    except (exceptions.UserError, ValueError, ImportError) as error:
        raise errors.Invalid(
            f"HOLDPOINT_MODEL is {name!r}, which cannot be used: {_first(error)}", field="HOLDPOINT_MODEL"
        ) from None


def _as_ours(error: exceptions.ModelAPIError, name: str) -> errors.ToolError:
    """Certain refusals are not tried again; limits, faults and silence are."""
    if isinstance(error, exceptions.ModelRateLimitError):
        return errors.Limited(f"{name} asked to slow down.", getattr(error, "retry_after", None))
    if isinstance(error, exceptions.ModelRequestTimeout | exceptions.ModelTimeoutError):
        return errors.TookTooLong(f"{name} did not answer in time.")
    if isinstance(error, exceptions.ModelConnectionError):
        return errors.Unreachable(f"{name} could not be reached.")
    if isinstance(error, exceptions.ModelAuthenticationError):
        return errors.Declined(f"{name} refused the key. An operator checks the provider's key.")
    if isinstance(error, exceptions.ModelRequestRejectedError | exceptions.ModelQuotaExceededError):
        return errors.Declined(f"{name} refused the request ({type(error).__name__}).")
    found = errors.Unavailable(f"{name} is not available.")
    found.retry_after = getattr(error, "retry_after", None)
    return found


def _unfenced(text: str) -> str:
    """Models like to fence their JSON. Only a whole fence is taken off."""
    if text.startswith("```") and text.endswith("```"):
        return text.strip("`").removeprefix("json").strip()
    return text


def _first(error: Any) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
