"""The real gate, with one more point at which a test can stop it."""

from typing import Any

from approvals.gate import PolicyGate
from runs.engine import boundaries
from runs.models import Action


class Gate(PolicyGate):
    def lock(self, action: Action) -> Any:
        boundaries.reached("gate.lock", action.pk)
        return super().lock(action)
