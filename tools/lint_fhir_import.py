"""Refuse every `fhir.resources` import that is not `fhir.resources.R4B`: the top level is R5 and refuses R4 resources.

Usage: `python tools/lint_fhir_import.py [FILE_OR_FOLDER ...]`; exit code 1 when something was found.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

__all__ = ["main", "problems"]

_DEFAULT = ("cds_hooks", "rules", "fhir_fixtures", "tests", "tools", "bench")


def _is_wrong(module: str) -> bool:
    return module == "fhir.resources" or (module.startswith("fhir.resources.") and module.split(".")[2] != "R4B")


def problems(source: str, name: str) -> list[str]:
    """Return one line `name:line: ...` for each wrong import in Python `source`."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source, filename=name)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names if _is_wrong(alias.name)]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            imported = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(node.lineno, full) for full in imported if _is_wrong(full)]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and _is_wrong(node.args[0].value):
                found.append((node.lineno, node.args[0].value))
    return [f"{name}:{line}: imports {module}, expected fhir.resources.R4B (the top level is R5)" for line, module in sorted(found)]


def main(arguments: list[str]) -> int:
    """Check files and folders, print every problem, return the exit code."""
    found: list[str] = []
    for root in map(Path, arguments or _DEFAULT):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            if path.is_file():
                found += problems(path.read_text(encoding="utf-8"), str(path))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
