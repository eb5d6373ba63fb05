"""The door to the model. A planner is swapped here without touching tools or memory."""

from functools import cache

from runs.agents.models import Completion, Model, Prompt, ScriptedModel


@cache
def model() -> Model:
    return ScriptedModel()


def ask(task: str, facts: dict) -> Completion:
    return model().complete(Prompt(task=task, facts=facts))
