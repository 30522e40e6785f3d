"""What suppression needs: whose cards are meant, which gaps a card told, what was held back and what was let through again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.String(32)


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("card_shown", sa.Column("gaps", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "suppression",
        sa.Column("caller", sa.String(200), primary_key=True),
        sa.Column("patient", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("held_back", sa.Integer, nullable=False),
        sa.Column("last", MOMENT, nullable=False),
        sa.Column("lifted", MOMENT),
    )
    op.create_index("suppression_last", "suppression", ["last"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("suppression")
    op.drop_column("card_shown", "gaps")
