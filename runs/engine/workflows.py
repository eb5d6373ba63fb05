"""The workflows this code can run, by name and version."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from runs import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A durable function with its typed input."""

    name: str
    version: int
    title: str  # of the workflow, for lists
    run: Callable[[Any, Any], Any]
    input: type[BaseModel]
    describe: Callable[[Any], str]  # title of a run, from its input
    subject: Callable[[Any], str]  # whom or what a run is about
    exclusive: bool  # one run at a time acts on one subject; the others wait for their turn
    flags: tuple[str, ...]  # feature flags that it asks about, shown on its runs


_KNOWN: dict[str, dict[int, Definition]] = {}


def workflow(
    *,
    name: str,
    version: int,
    title: str,
    describe: Callable[[Any], str],
    subject: Callable[[Any], str],
    input: type[BaseModel],
    exclusive: bool = False,
    flags: tuple[str, ...] = (),
) -> Callable[[Callable[[Any, Any], Any]], Callable[[Any, Any], Any]]:
    """Register a function `(ctx, input) -> result` as version `version` of workflow `name`."""

    def register(run: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        versions = _KNOWN.setdefault(name, {})
        if version in versions and versions[version].run is not run:
            raise errors.Conflict(f"Workflow {name} has two functions of version {version}.")
        versions[version] = Definition(
            name=name,
            version=version,
            title=title,
            run=run,
            input=input,
            describe=describe,
            subject=subject,
            exclusive=exclusive,
            flags=flags,
        )
        return run

    return register


def find(name: str, version: int | None = None) -> Definition | None:
    """Version `version` of `name`, the newest one when it is None; None when this code does not have it."""
    versions = _KNOWN.get(name, {})
    if not versions:
        return None
    return versions.get(max(versions) if version is None else version)


def known() -> dict[str, list[int]]:
    return {name: sorted(versions) for name, versions in _KNOWN.items()}
