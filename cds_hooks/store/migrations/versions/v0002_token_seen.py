"""Tokens that were used: token_seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table("token_seen", sa.Column("digest", sa.String(64), primary_key=True), sa.Column("until", sa.String(32), nullable=False))
    op.create_index("token_seen_until", "token_seen", ["until"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("token_seen")
