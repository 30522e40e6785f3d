"""`python -m tools.sbom`: what the container holds, as CycloneDX JSON: every locked package with version, hashes and licence.

cyclonedx-py reads the lock file; the licences come from tools/licences.toml, because a lock file has none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tools.licences import FILE, ROOT, SERVICE

__all__ = ["finished", "main"]

COMMAND = (sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", SERVICE)
OPTIONS = ("--pyproject", "pyproject.toml", "--spec-version", "1.6", "--output-reproducible")


def finished(bom: Mapping[str, Any], licences: Mapping[str, str]) -> dict[str, Any]:
    """With licences and with the service depending on everything, without the pasted lines of the lock file.

    Raises KeyError for a package without licence.
    """
    components = [
        {key: value for key, value in one.items() if key != "description"}
        | {"licenses": [{"expression": licences[canonicalize_name(one["name"])], "acknowledgement": "declared"}]}
        for one in bom["components"]
    ]
    service = {"ref": bom["metadata"]["component"]["bom-ref"], "dependsOn": [one["bom-ref"] for one in components]}
    return {**bom, "components": components, "dependencies": [service]}


def main(arguments: list[str]) -> int:
    """Write the document; the exit code of cyclonedx-py when that fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.sbom", description=__doc__)
    parser.add_argument("out", type=Path, help="file to write")
    out: Path = parser.parse_args(arguments).out
    made = subprocess.run([*COMMAND, *OPTIONS], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if made.returncode:
        return made.returncode
    licences = tomllib.loads(FILE.read_text(encoding="utf-8"))["packages"]
    bom = finished(json.loads(made.stdout), licences)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bom, indent=1) + "\n", encoding="utf-8")
    print(f"{len(bom['components'])} packages in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
