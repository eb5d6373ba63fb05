"""Say whether the model of HOLDPOINT_MODEL can be used."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runs import errors, guardrails
from runs.agents import planner
from runs.agents.outbound import Reading


class Command(BaseCommand):
    help = "Say whether the model that HOLDPOINT_MODEL names can be used. With --ask, have it read one short reply."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--ask", action="store_true", help="send one short request, which the provider charges")

    def handle(self, *, ask: bool, **_: Any) -> None:
        try:
            model = planner.model()
            if not ask:
                self.stdout.write(f"{model.name} is ready to be asked.")
                return
            said = planner.ask("read_reply", {"text": "Thank you, that sounds good. Please call me on Monday."})
            found = guardrails.through(Reading, said.text)
        except errors.HoldpointError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"{said.model} answered in {said.latency_ms / 1000:.1f} s with {said.tokens_out} tokens: {found.verdict}."
        )
