"""Ordering: orders, their states, and the subscriptions that come of them."""

from gateway.capabilities.orders import batch as _batch  # noqa: F401 - declares its capability
from gateway.capabilities.orders.capability import orders as order_capabilities
from gateway.capabilities.orders.capability import subscriptions as subscription_capabilities
from gateway.capabilities.orders.errors import (
    ActionNotOffered,
    NotCancellable,
    NotConfirmable,
    NotHeld,
    NotOrderable,
    NumberOnHold,
    OfferUnknown,
    OrderAlreadyOpen,
    OrderingStopped,
    OrderNotFound,
    PartnerRefTaken,
    TermNotOver,
)
from gateway.capabilities.orders.moving import move
from gateway.capabilities.orders.placing import OrderJob
from gateway.capabilities.orders.placing_many import PlaceMany
from gateway.capabilities.orders.repository import PartnerRefs, StoredOrder, get_any, list_cancellable
from gateway.capabilities.orders.schemas import (
    Action,
    Attribution,
    Gift,
    GiftPage,
    ListGifts,
    ListOrders,
    ListSubscriptions,
    Order,
    OrderPage,
    OrderRef,
    PlaceOrder,
    Subscription,
    SubscriptionPage,
)
from gateway.capabilities.orders.states import OrderState
from gateway.capabilities.orders.tables import is_open, orders, subscriptions
from gateway.capabilities.orders.tasks import Fulfilment

__all__ = [
    "Action",
    "ActionNotOffered",
    "Attribution",
    "Fulfilment",
    "Gift",
    "GiftPage",
    "ListGifts",
    "ListOrders",
    "ListSubscriptions",
    "NotCancellable",
    "NotConfirmable",
    "NotHeld",
    "NotOrderable",
    "NumberOnHold",
    "OfferUnknown",
    "Order",
    "OrderAlreadyOpen",
    "OrderJob",
    "OrderNotFound",
    "OrderPage",
    "OrderRef",
    "OrderState",
    "OrderingStopped",
    "PartnerRefTaken",
    "PartnerRefs",
    "PlaceMany",
    "PlaceOrder",
    "StoredOrder",
    "Subscription",
    "SubscriptionPage",
    "TermNotOver",
    "get_any",
    "is_open",
    "list_cancellable",
    "move",
    "order_capabilities",
    "orders",
    "subscription_capabilities",
    "subscriptions",
]
