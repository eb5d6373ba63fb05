"""Which variables of the environment the product reads, and their defaults, found in its code."""

import ast
import re

from tests.crash.stage import ROOT

NAME = re.compile(r"(HOLDPOINT|DATABASE|BROKER|REDIS)_[A-Z0-9_]+")
INTERNAL = {"HOLDPOINT_CALLED_FROM"}  # how bin/up tells its own Python where it was called
READERS = {"text", "flag", "number", "words", "choice", "address"}


def names() -> set[str]:
    """Every name of ours that occurs as a string in the settings or the launch code, or in a command's shell."""
    found = set()
    for path in [
        ROOT / "config" / "settings.py",
        ROOT / "config" / "asgi.py",
        *(ROOT / "config" / "launch").glob("*.py"),
    ]:
        found |= {text for text in _strings(path.read_text()) if NAME.fullmatch(text)}
    for path in (ROOT / "bin").iterdir():
        found |= {
            match[1]
            for match in re.finditer(r"\$\{?((?:HOLDPOINT|DATABASE|BROKER|REDIS)_[A-Z0-9_]+)", path.read_text())
        }
    return {name.removesuffix("_FILE") for name in found} - INTERNAL


def defaults() -> dict[str, str]:
    """The defaults that stand in the settings as literals; an empty one is left out."""
    tree = ast.parse((ROOT / "config" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    literal = {
        call.args[0].value: str(call.args[1].value)
        for call in calls
        if call.func.attr in READERS and len(call.args) > 1 and all(isinstance(a, ast.Constant) for a in call.args[:2])
    }
    return {name: value for name, value in literal.items() if value}


def _strings(source: str) -> set[str]:
    return {n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
