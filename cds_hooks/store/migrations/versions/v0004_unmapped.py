"""Codes that mean nothing to us: unmapped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "unmapped",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("system", sa.String(80), primary_key=True),
        sa.Column("code", sa.String(20), primary_key=True),
        sa.Column("chapter", sa.String(10), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("unmapped")
