"""A real model, through pydantic-ai: any provider and model it knows, named `provider:model`.

Imported only when HOLDPOINT_MODEL names one. The keys are the provider's own variables (OPENAI_API_KEY, ...).
"""

import logging
import re
import time
import warnings
from typing import Any

from pydantic_ai import direct, exceptions
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import Model as Provider
from pydantic_ai.models import infer_model
from pydantic_ai.settings import ModelSettings

from runs import errors
from runs.agents import prompts
from runs.agents.background import Background
from runs.agents.models import Completion, Prompt

logger = logging.getLogger(__name__)

MOST_TOKENS = 4000  # of one answer, with what a model thinks before it

_background = Background("models")


class RemoteModel:
    """One model of one provider. One try: what is worth trying again, the run tries, where it can be seen."""

    def __init__(self, name: str, *, within_s: float, provider: Provider | None = None) -> None:
        self.name, self._within_s = name, within_s
        self._provider = provider if provider is not None else _provider(name)

    def complete(self, prompt: Prompt) -> Completion:
        instructions, version = prompts.instructions_of(prompt.task)
        request = ModelRequest.user_text_prompt(prompts.facts_of(prompt.facts), instructions=instructions)
        began = time.perf_counter()
        said = self._said(request)
        took = time.perf_counter() - began
        text = "".join(part.content for part in said.parts if isinstance(part, TextPart)).strip()
        if not text:
            raise errors.BrokenContract(f"{self.name} answered with nothing.")
        return Completion(
            text=_unfenced(text),
            model=said.model_name or self.name,
            tokens_in=said.usage.input_tokens or 0,
            tokens_out=said.usage.output_tokens or 0,
            cost_micros=_cost(said),
            latency_ms=round(took * 1000, 1),
            prompt=version,
        )

    def _said(self, request: ModelRequest) -> ModelResponse:
        settings = ModelSettings(
            max_tokens=MOST_TOKENS, timeout=self._within_s, request_timeout=self._within_s, max_retries=0
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a provider leaves out of its usage is no reason to stop
                return _background.run(direct.model_request(self._provider, [request], model_settings=settings))
        except exceptions.ModelAPIError as error:
            raise _as_ours(error, self.name) from error
        except Exception as error:  # an answer in another shape ends in whatever the provider's library trips over
            logger.warning("The answer of %s could not be read", self.name, exc_info=error)
            told = (
                f": {_first(error)}" if isinstance(error, exceptions.AgentRunError) else f" ({type(error).__name__})."
            )
            raise errors.BrokenContract(f"{self.name} gave no usable answer{told}") from error


def _provider(name: str) -> Provider:
    try:
        return infer_model(name)
    except (exceptions.UserError, ValueError, ImportError) as error:
        why = re.sub(r" or pass it via .*|, you can use the .*", ".", _first(error))
        raise errors.Invalid(
            f"HOLDPOINT_MODEL is {name!r}, which cannot be used: {why}", field="HOLDPOINT_MODEL"
        ) from None


def _as_ours(error: exceptions.ModelAPIError, name: str) -> errors.HoldpointError:
    """A refusal is final, and so is rubbish; limits, faults and silence are worth another try."""
    if isinstance(error, exceptions.ModelRateLimitError):
        return errors.Limited(f"{name} asked to slow down.", error.retry_after)
    if isinstance(error, exceptions.ModelAuthenticationError):
        return errors.Declined(f"{name} refused the key. An operator checks the provider's key.")
    if isinstance(error, exceptions.ModelQuotaExceededError):
        return errors.Declined(f"{name} says that what was paid for is used up. An operator checks the account.")
    if isinstance(error, exceptions.ModelHTTPError) and 400 <= error.status_code < 500 and error.status_code != 408:
        return errors.Declined(f"{name} refused the request with HTTP {error.status_code}: {_told(error)}")
    if isinstance(error, exceptions.ModelRequestTimeout | exceptions.ModelTimeoutError):
        return errors.TookTooLong(f"{name} did not answer in time.")
    if isinstance(error, exceptions.ModelConnectionError):
        return errors.Unreachable(f"{name} could not be reached.")
    if type(error) is exceptions.ModelAPIError:  # it answered, and not in the shape of its interface
        return errors.BrokenContract(f"{name} gave no usable answer.")
    found = errors.Unavailable(f"{name} is not available.")
    found.retry_after = error.retry_after
    return found


def _told(error: exceptions.ModelAPIError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    return _first(body.get("message") or "it gave no reason.")


def _cost(said: ModelResponse) -> int | None:
    """In millionths of a US dollar, by the public prices that the library carries; None for what it does not know."""
    try:
        return round(said.cost().total_price * 1_000_000)
    except (LookupError, ValueError, AssertionError):
        return None


def _unfenced(text: str) -> str:
    """Models like to fence their JSON. Only a whole fence is taken off."""
    if text.startswith("```") and text.endswith("```"):
        return text.strip("`").removeprefix("json").strip()
    return text


def _first(error: Any) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
