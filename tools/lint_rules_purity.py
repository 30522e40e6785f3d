"""Refuse clocks, files, randomness and the environment in `rules/`: medicine is a pure function of the record.

The modules that load rules and codes once at start-up may read files (`MAY_READ`); none may read the time of day or roll dice.
The engine may read the monotonic clock, because its budget is a deadline.
Usage: `python tools/lint_rules_purity.py [FILE_OR_FOLDER ...]`; exit code 1 when something was found.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

__all__ = ["main", "problems"]

MAY_READ = frozenset({"code_check.py", "code_lists.py", "load.py", "site.py", "site_codes.py", "tables.py"})

_IMPURE_MODULES = frozenset({"random", "secrets", "tempfile", "shutil", "subprocess", "multiprocessing"})
_CLOCKS = frozenset({"now", "utcnow", "today", "time", "time_ns", "sleep", "localtime", "gmtime", "uuid1", "uuid4"})
_STOPWATCHES = frozenset({"monotonic", "monotonic_ns", "perf_counter", "process_time"})  # allowed in rules/engine only
_CLOCK_OWNERS = frozenset({"datetime", "date", "time", "uuid", "dt"})
_FILE_METHODS = frozenset({"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob", "unlink", "mkdir", "touch"})
_ENVIRONMENT = frozenset({"environ", "getenv", "system", "popen", "urandom", "listdir", "walk", "scandir"})


def _owner(node: ast.expr) -> str:
    """Return the last name of `a.b.c`: `datetime.datetime` gives `datetime`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _clocks(name: str) -> frozenset[str]:
    return _CLOCKS if "engine" in Path(name).parts else _CLOCKS | _STOPWATCHES


def _uses_clock(node: ast.Attribute, clocks: frozenset[str], aliases: frozenset[str]) -> bool:
    return node.attr in clocks and _owner(node.value) in _CLOCK_OWNERS | aliases


def _imports(node: ast.Import | ast.ImportFrom, clocks: frozenset[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [f"imports {alias.name}" for alias in node.names if alias.name.split(".")[0] in _IMPURE_MODULES]
    module = (node.module or "").split(".")[0]
    if module in _IMPURE_MODULES:
        return [f"imports {node.module}"]
    if module == "time":
        return [f"imports time.{alias.name}" for alias in node.names if alias.name in clocks]
    if module == "os":
        return [f"imports os.{alias.name}" for alias in node.names if alias.name in _ENVIRONMENT]
    return []


def _aliases(tree: ast.AST) -> frozenset[str]:
    """Return other names that the clock modules and classes are imported under."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname for alias in node.names if alias.asname and alias.name.split(".")[-1] in _CLOCK_OWNERS}
    return frozenset(found)


def problems(source: str, name: str) -> list[str]:
    """Return one line `name:line: ...` for each impure use in Python `source`; `name` decides whether it may read files."""
    tree = ast.parse(source, filename=name)
    reads = Path(name).name in MAY_READ
    clocks = _clocks(name)
    aliases = _aliases(tree)
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += [(node.lineno, what) for what in _imports(node, clocks)]
        elif isinstance(node, ast.Attribute):
            if _uses_clock(node, clocks, aliases):
                found.append((node.lineno, f"reads the clock ({_owner(node.value)}.{node.attr})"))
            elif _owner(node.value) == "os" and node.attr in _ENVIRONMENT:
                found.append((node.lineno, f"reads the environment (os.{node.attr})"))
            elif node.attr in _FILE_METHODS and not reads:
                found.append((node.lineno, f"touches a file (.{node.attr})"))
        elif isinstance(node, ast.Call) and not reads and _owner(node.func) == "open":
            found.append((node.lineno, "opens a file"))
    return [f"{name}:{line}: {what}; rules/ stays pure, pass the value in (loading belongs in load.py)" for line, what in sorted(found)]


def main(arguments: list[str]) -> int:
    """Check files and folders, print every problem, return the exit code."""
    found: list[str] = []
    for root in map(Path, arguments or ["rules"]):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            found += problems(path.read_text(encoding="utf-8"), str(path))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
