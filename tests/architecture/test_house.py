"""The rules of the house that no other tool sees."""

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
APPS = ("tenants", "runs", "approvals")
ORDER = {name: place for place, name in enumerate(APPS)}


def tracked(*endings: str) -> list[Path]:
    said = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    found = [ROOT / name for name in said.stdout.splitlines() if name.endswith(endings)]
    return [path for path in found if path.exists() and "migrations/0001" not in str(path)]


def product(*endings: str) -> list[Path]:
    return [path for path in tracked(*endings) if path.relative_to(ROOT).parts[0] in (*APPS, "config")]


def test_foreign_keys_point_the_way_imports_do():
    for model in apps.get_models():
        label = model._meta.app_label
        for field in model._meta.get_fields():
            target = getattr(field, "related_model", None)
            if label in ORDER and field.concrete and target is not None and target._meta.app_label in ORDER:
                assert ORDER[target._meta.app_label] <= ORDER[label], f"{model.__name__}.{field.name}"


def test_no_file_is_longer_than_400_lines():
    long = {
        str(p.relative_to(ROOT)): n for p in tracked(".py", ".js", ".css") if (n := p.read_text().count("\n")) > 400
    }
    assert long == {}


def test_no_template_is_longer_than_150_lines():
    assert [p.name for p in tracked(".html") if p.read_text().count("\n") > 150] == []


def test_no_function_of_the_product_is_longer_than_40_lines():
    long = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in product(".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 40
    ]
    assert long == []


def test_nothing_is_imported_inside_a_function():
    found = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in product(".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(node))
    ]
    assert found == []


def test_a_row_is_saved_with_the_fields_that_changed_or_as_a_new_row():
    bare = []
    for path in product(".py"):
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
            saves = isinstance(call.func, ast.Attribute) and call.func.attr == "save"
            if saves and not {k.arg for k in call.keywords} & {"update_fields", "force_insert"}:
                bare.append(f"{path.relative_to(ROOT)}:{call.lineno}")
    assert bare == []


def test_there_are_no_model_signals():
    pattern = re.compile(r"\b(post|pre)_(save|delete|init)\b|@receiver")
    assert [str(p) for p in product(".py") if pattern.search(p.read_text())] == []


@pytest.mark.parametrize("pattern", [r"\sstyle=", r"<style", r"\son[a-z]+=", r"<script(?![^>]*\bsrc=)", r"javascript:"])
def test_no_page_has_inline_style_or_script(pattern):
    assert [p.name for p in tracked(".html") if re.search(pattern, p.read_text())] == []


def test_there_is_no_module_called_after_nothing():
    assert [str(p) for p in product(".py") if p.stem in ("utils", "helpers", "common", "misc")] == []


def test_only_the_journal_writes_events():
    found = [
        str(p.relative_to(ROOT))
        for p in product(".py")
        if p.name != "journal.py"
        and re.search(r"append_v1|Event\.objects\.(create|bulk_create)|(?<!\.)\bEvent\(", p.read_text())
    ]
    assert [name for name in found if "migrations" not in name and name != "runs/models.py"] == []


def test_there_is_no_other_django_app():
    ours = {
        config.name
        for config in apps.get_app_configs()
        if str(config.path).startswith(str(ROOT)) and ".venv" not in config.path
    }
    assert ours == set(APPS)


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("tenants/models.py", "", 0),
        ("tenants/models.py", "from runs import states", 1),
        ("runs/journal.py", "from approvals import decisions", 1),
        ("runs/models.py", "from runs import operations", 1),
        ("approvals/policies.py", "from approvals import decisions", 1),
    ],
)
def test_the_import_contracts_fail_when_they_are_broken(module, line, broken, tmp_path):
    for name in (*APPS, "config"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(tmp_path / name)], check=True)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    changed = tmp_path / module
    changed.write_text(f"{line}\n{changed.read_text()}")
    said = subprocess.run(
        ["lint-imports", "--no-cache"], cwd=tmp_path, capture_output=True, text=True, env=_env(tmp_path)
    )
    assert said.returncode == min(broken, 1), said.stdout + said.stderr
    assert (int(re.search(r"(\d+) broken", said.stdout)[1]) > 0) == bool(broken)


def _env(path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(path)}
