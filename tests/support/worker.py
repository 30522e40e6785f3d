"""A worker of its own: the real service on a real port with no rules in it, which starts sooner.

`python -m tests.support.worker PORT` with the NMCDS_ variables of `nmcds serve`.
"""

from __future__ import annotations

import os
import sys

import uvicorn

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from tests.support.doubles import FakeKnowledge

if __name__ == "__main__":
    uvicorn.run(create_app(Settings.load(os.environ), FakeKnowledge()), port=int(sys.argv[1]), log_level="critical", access_log=False)
