"""Orders of the sandbox's back end are found by their age, to be dropped."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_index("ix_sandbox_orders_ready_at", "sandbox_orders", ["ready_at"])


def downgrade() -> None:
    """Go back from this revision."""
    op.drop_index("ix_sandbox_orders_ready_at", "sandbox_orders")
