"""Moments as sortable text."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["moment", "read_moment"]


def moment(at: datetime) -> str:
    """An aware moment as ISO 8601 in UTC with microseconds: 2026-11-22T09:30:00.000000Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_moment(text: str) -> datetime:
    """The moment that such a text names."""
    return datetime.fromisoformat(text)
