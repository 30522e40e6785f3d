"""Which cards have feedback, so that looking for dismissals does not pass over every card that was ever shown to a user of a patient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEX = "card_shown_whose"
COLUMNS = ["patient", "user"]
ANSWERED = sa.text("answered = 1")


def upgrade() -> None:
    """Add the column, fill it, and let the index hold these cards only."""
    op.add_column("card_shown", sa.Column("answered", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE card_shown SET answered = 1 WHERE uuid IN (SELECT card FROM feedback)")
    op.drop_index(INDEX, "card_shown")
    op.create_index(INDEX, "card_shown", COLUMNS, sqlite_where=ANSWERED, postgresql_where=ANSWERED)


def downgrade() -> None:
    """Take it away."""
    op.drop_index(INDEX, "card_shown")
    op.create_index(INDEX, "card_shown", COLUMNS)
    op.drop_column("card_shown", "answered")
