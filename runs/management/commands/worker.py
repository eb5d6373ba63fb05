"""Carry out runs in this process, woken by PostgreSQL."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from runs import embedded


class Command(BaseCommand):
    help = "Carry out runs until told to stop (SIGTERM or Ctrl-C)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=settings.HOLDPOINT_WORKER_THREADS)

    def handle(self, *args: Any, **options: Any) -> None:
        embedded.work(threads=max(options["threads"], 1))
