"""Outcome of audited calls, calls by day, and the index that answers "what did it say about this patient"."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ADDED = (
    ("outcome", sa.String(12), "answered"),
    ("status", sa.Integer, "200"),
    ("number", sa.String(12), ""),
)


def upgrade() -> None:
    """Rows from before are calls that were answered: others were not kept."""
    for name, kind, before in ADDED:
        op.add_column("audit", sa.Column(name, kind, nullable=False, server_default=before))
    op.create_index("audit_patient", "audit", ["patient", "at"])
    op.create_table(
        "calls",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("service", sa.String(80), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("calls")
    op.drop_index("audit_patient", "audit")
    with op.batch_alter_table("audit") as table:
        for name, _, _ in ADDED:
            table.drop_column(name)
