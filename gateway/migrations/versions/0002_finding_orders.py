"""A partner finds its orders: by its own number, which names one of them, by state, user and time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COUNTS = sa.text("partner_ref IS NOT NULL AND (state NOT IN ('failed', 'cancelled', 'expired'))")
_BY_PARTNER = sa.text("partner_id IS NOT NULL")


def upgrade() -> None:
    """Go to this revision."""
    # A number used for several orders before it had to be unique stays with the newest; the others get their id behind it.
    op.execute(
        "UPDATE orders SET partner_ref = substr(partner_ref, 1, 63) || '~' || id WHERE partner_ref IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM orders later WHERE later.partner_id = orders.partner_id"
        " AND later.partner_ref = orders.partner_ref AND later.id > orders.id)"
    )
    op.create_index(
        "uq_orders_partner_ref", "orders", ["partner_id", "partner_ref"], unique=True, sqlite_where=_COUNTS,
        postgresql_where=_COUNTS,
    )  # fmt: skip
    op.drop_index("ix_orders_partner_ref", "orders")
    for name, columns in {
        "ix_orders_partner_ref": ["partner_ref", "created_at", "id"],
        "ix_orders_partner_created_at": ["created_at", "id"],
        "ix_orders_partner_state": ["state", "created_at", "id"],
        "ix_orders_partner_account": ["account", "created_at", "id"],
    }.items():
        op.create_index(
            name, "orders", ["partner_id", *columns], sqlite_where=_BY_PARTNER, postgresql_where=_BY_PARTNER
        )
