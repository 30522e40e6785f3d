"""The pages that people read in a browser: demo EHR, rules, endpoints. `mount` adds them to a service."""

from __future__ import annotations

from cds_hooks.pages.routes import mount

__all__ = ["mount"]
