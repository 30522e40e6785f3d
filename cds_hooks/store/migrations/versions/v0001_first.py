"""First tables: deployment, card_shown, feedback, firing, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.String(32)


def upgrade() -> None:
    """Create the tables."""
    op.create_table("deployment", sa.Column("name", sa.String(64), primary_key=True), sa.Column("value", sa.Text, nullable=False))
    op.create_table(
        "card_shown",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("service", sa.String(80), nullable=False),
        sa.Column("instance", sa.String(36), nullable=False),
        sa.Column("caller", sa.String(200), nullable=False),
        sa.Column("patient", sa.String(64), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("indicator", sa.String(10), nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("suggestions", sa.Text, nullable=False),
        sa.Column("knowledge", sa.String(40), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
    )
    op.create_index("card_shown_whose", "card_shown", ["patient", "user"])
    op.create_index("card_shown_at", "card_shown", ["at"])
    op.create_table(
        "feedback",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("received", MOMENT, nullable=False),
        sa.Column("service", sa.String(80), nullable=False),
        sa.Column("caller", sa.String(200), nullable=False),
        sa.Column("card", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("outcome_at", MOMENT, nullable=False),
        sa.Column("accepted", sa.Text, nullable=False),
        sa.Column("reason_system", sa.Text),
        sa.Column("reason_code", sa.Text),
        sa.Column("comment", sa.Text),
    )
    op.create_index("feedback_card", "feedback", ["card"])
    op.create_index("feedback_received", "feedback", ["received"])
    op.create_table(
        "firing",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("rule", sa.String(120), primary_key=True),
        sa.Column("version", sa.String(40), primary_key=True),
        sa.Column("service", sa.String(80), primary_key=True),
        sa.Column("indicator", sa.String(10), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("service", sa.String(80), nullable=False),
        sa.Column("instance", sa.String(36), nullable=False),
        sa.Column("caller", sa.String(200), nullable=False),
        sa.Column("patient", sa.String(64), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("knowledge", sa.String(40), nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("cards", sa.Integer, nullable=False),
        sa.Column("suppressed", sa.Integer, nullable=False),
        sa.Column("unread", sa.Text, nullable=False),
        sa.Column("ms", sa.Integer, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("audit", "firing", "feedback", "card_shown", "deployment"):
        op.drop_table(table)
