"""Many rows at once: what imports, training and the demo write, on either database."""

from gateway.bulk.known import is_among, subscriber_ids, upsert
from gateway.bulk.past_orders import past_id, put_completed, put_past_orders
from gateway.bulk.subscribers import create_subscribers, put_profiles, put_subscribers

__all__ = [
    "create_subscribers",
    "is_among",
    "past_id",
    "put_completed",
    "put_past_orders",
    "put_profiles",
    "put_subscribers",
    "subscriber_ids",
    "upsert",
]
