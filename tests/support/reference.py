"""`TEST_ENGINE=reference`: the tests as they are where durable_rules is not installed (`make test-reference-engine`)."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from rules.knowledge import Knowledge

__all__ = ["ONLY_REFERENCE", "switch"]

ONLY_REFERENCE = os.environ.get("TEST_ENGINE") == "reference"


def switch(environment: MutableMapping[str, str]) -> None:
    """Rules load on the reference engine unless a test names another; durable_rules cannot be imported, so nothing can use it unseen."""
    sys.modules["durable_rules_engine"] = None  # type: ignore[assignment]  # as the import system marks a module that is not there
    environment["NMCDS_ENGINE"] = "reference"
    Knowledge.load.__func__.__kwdefaults__["engine"] = "reference"  # type: ignore[attr-defined]
