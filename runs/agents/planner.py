"""The planner: a task and its facts go to the model that the settings name. Swapped here and nowhere else."""

from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from runs.agents.models import Completion, Model, Prompt
from runs.agents.scripted import ScriptedModel

SCRIPTED = "scripted"
REMOTE = "runs.agents.remote.RemoteModel"  # loaded by its path: it imports what a scripted model never needs


@cache
def _model(name: str, within_s: float) -> Model:
    return ScriptedModel() if name == SCRIPTED else import_string(REMOTE)(name, within_s=within_s)


def model() -> Model:
    """The model of HOLDPOINT_MODEL. Raises `Invalid` in one sentence when it cannot be used."""
    return _model(settings.HOLDPOINT_MODEL, settings.HOLDPOINT_MODEL_TIMEOUT_SECONDS)


def ask(task: str, facts: dict[str, Any]) -> Completion:
    return model().complete(Prompt(task=task, facts=facts))
