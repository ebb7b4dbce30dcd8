"""Orders, every transition they made, and the subscriptions that came of them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal_column,
    or_,
)

from gateway.capabilities.orders.states import ENDED_WITHOUT_EFFECT, OPEN_STATES
from gateway.store import Instant, metadata

_subscriber = BigInteger().with_variant(Integer, "sqlite")

orders = Table(
    "orders",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subscriber_id", _subscriber, nullable=False),
    # The nth order of its subscriber. Two orders decided on the same facts want the same number, so one must decide anew.
    Column("subscriber_seq", Integer, nullable=False),
    Column("account", String(200), nullable=False),
    Column("offer_code", String(60), nullable=False),
    Column("action", String(20), nullable=False),
    Column("price_fen", BigInteger, nullable=False),
    Column("period", String(10), nullable=False),
    Column("state", String(24), nullable=False),
    Column("transitions", SmallInteger, nullable=False),
    Column("channel", String(20), nullable=False),
    Column("partner_id", String(60)),
    Column("partner_ref", String(100)),
    Column("attribution", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("confirm_by", Instant),
    Column("replaces", String(60)),
    Column("recipient_id", _subscriber),
    Column("recipient", String(20)),
    # Of a made-up subscriber: it goes to the sandbox back end, and into no books.
    Column("sandbox", Boolean, nullable=False, server_default=false()),
    # The first of the orders that were placed together with this one (which may be itself); null: it was placed alone.
    Column("together", String(36)),
    Column("remarks", Text),
    Column("cancel_reason", String(200)),
    UniqueConstraint("subscriber_id", "subscriber_seq"),
)
is_open = orders.c.state.in_([literal_column(f"'{state}'") for state in OPEN_STATES])
"""Written out in SQL, so that the database sees that a query asks for just the rows of the partial index."""
Index(
    "uq_orders_open", orders.c.subscriber_id, orders.c.offer_code, orders.c.action,
    unique=True, sqlite_where=is_open, postgresql_where=is_open,
)  # fmt: skip
ref_counts = and_(
    orders.c.partner_ref.is_not(None),
    orders.c.state.not_in([literal_column(f"'{state}'") for state in ENDED_WITHOUT_EFFECT]),
)
"""A partner's own number is used up by the order it names, unless that ended without effect."""
_names_its_ref = and_(ref_counts, or_(orders.c.together.is_(None), orders.c.together == orders.c.id))
Index(  # orders placed together have one number among them
    "uq_orders_partner_ref", orders.c.partner_id, orders.c.partner_ref,
    unique=True, sqlite_where=_names_its_ref, postgresql_where=_names_its_ref,
)  # fmt: skip
_is_together = orders.c.together.is_not(None)
Index("ix_orders_together", orders.c.together, sqlite_where=_is_together, postgresql_where=_is_together)
by_partner = orders.c.partner_id.is_not(None)
for _name, _columns in {
    "ix_orders_partner_ref": (orders.c.partner_ref, orders.c.created_at, orders.c.id),
    "ix_orders_partner_created_at": (orders.c.created_at, orders.c.id),
    "ix_orders_partner_state": (orders.c.state, orders.c.created_at, orders.c.id),
    "ix_orders_partner_account": (orders.c.account, orders.c.created_at, orders.c.id),
}.items():
    Index(_name, orders.c.partner_id, *_columns, sqlite_where=by_partner, postgresql_where=by_partner)

_is_gift = orders.c.recipient_id.is_not(None)
Index("ix_orders_recipient_id", orders.c.recipient_id, orders.c.state, sqlite_where=_is_gift, postgresql_where=_is_gift)

order_transitions = Table(
    "order_transitions",
    metadata,
    # The key is the guard of the state machine: transition n of an order happens once.
    Column("order_id", String(36), ForeignKey("orders.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("from_state", String(24)),
    Column("to_state", String(24), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("at", Instant, nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subscriber_id", _subscriber, nullable=False),
    Column("offer_code", String(60), nullable=False),
    Column("order_id", String(36)),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("trial_ends_at", Instant),
)
_held = subscriptions.c.ended_at.is_(None)
_ended = subscriptions.c.ended_at.is_not(None)
Index("ix_subscriptions_ended_at", subscriptions.c.ended_at, sqlite_where=_ended, postgresql_where=_ended)
Index(
    "uq_subscriptions_held", subscriptions.c.subscriber_id, subscriptions.c.offer_code,
    unique=True, sqlite_where=_held, postgresql_where=_held,
)  # fmt: skip

trials = Table(
    "trials",
    metadata,
    # The key is the guard: one trial of an offer for a subscriber, ever.
    Column("subscriber_id", _subscriber, primary_key=True, autoincrement=False),
    Column("offer_code", String(60), primary_key=True),
    Column("order_id", String(36), nullable=False),
    Column("started_at", Instant, nullable=False),
)

booked_files = Table(
    "booked_files",
    metadata,
    Column("id", String(36), primary_key=True),
    # Two who begin a file at once want the same name, so one of them clashes.
    Column("name", String(60), nullable=False, unique=True),
    Column("day", String(10), nullable=False),
    # `taking` orders; `closed`, when they stand fast; `written`, when the file is there.
    Column("state", String(10), nullable=False),
    Column("form", String(10), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", String(64)),
    Column("begun_at", Instant, nullable=False),
    Column("written_at", Instant),
)

booked_orders = Table(
    "booked_orders",
    metadata,
    # The key is the guard: an order is in one file, ever.
    Column("order_id", String(36), primary_key=True),
    Column("file_id", String(36), nullable=False),
)
Index("ix_booked_orders_file_id", booked_orders.c.file_id, booked_orders.c.order_id)
