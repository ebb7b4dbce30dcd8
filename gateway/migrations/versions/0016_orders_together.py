"""Orders that were placed together, and what callers say of an order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TOGETHER = sa.text("together IS NOT NULL")
_BEFORE = "partner_ref IS NOT NULL AND (state NOT IN ('failed', 'cancelled', 'expired'))"
_SINCE = f"{_BEFORE} AND (together IS NULL OR together = id)"


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("orders", sa.Column("together", sa.String(36)))
    op.add_column("orders", sa.Column("remarks", sa.Text()))
    op.add_column("orders", sa.Column("cancel_reason", sa.String(200)))
    op.create_index("ix_orders_together", "orders", ["together"], sqlite_where=_TOGETHER, postgresql_where=_TOGETHER)
    _make_refs_unique(_SINCE)


def downgrade() -> None:
    """Go back from this revision. Orders placed together stay, each for itself; the first keeps the partner's number."""
    op.execute("UPDATE orders SET partner_ref = NULL WHERE together IS NOT NULL AND together <> id")
    op.drop_index("ix_orders_together", "orders")
    _make_refs_unique(_BEFORE)
    for name in ("cancel_reason", "remarks", "together"):
        op.drop_column("orders", name)


def _make_refs_unique(where: str) -> None:
    op.drop_index("uq_orders_partner_ref", "orders")
    op.create_index(
        "uq_orders_partner_ref", "orders", ["partner_id", "partner_ref"], unique=True, sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )  # fmt: skip
