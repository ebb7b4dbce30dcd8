"""Ordering: orders, their states, and the subscriptions that come of them."""

from gateway.capabilities.orders import batch as _batch  # noqa: F401 - declares its capability
from gateway.capabilities.orders import together as _together  # noqa: F401 - declares its capabilities
from gateway.capabilities.orders.capability import answer_gift as answer_gift_in_person
from gateway.capabilities.orders.capability import confirm as confirm_order
from gateway.capabilities.orders.capability import orders as order_capabilities
from gateway.capabilities.orders.capability import refuse as refuse_order
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
from gateway.capabilities.orders.repository import (
    Held,
    PartnerRefs,
    StoredOrder,
    as_it_stood,
    get_any,
    list_cancellable,
)
from gateway.capabilities.orders.schemas import (
    Action,
    AnswerGift,
    Attribution,
    Gift,
    GiftPage,
    ListGifts,
    ListOrders,
    ListSubscriptions,
    Order,
    OrderId,
    OrderPage,
    OrderRef,
    PlaceOrder,
    Subscription,
    SubscriptionPage,
    User,
)
from gateway.capabilities.orders.states import REFUSED, OrderState
from gateway.capabilities.orders.tables import (
    booked_files,
    booked_orders,
    is_open,
    order_transitions,
    orders,
    subscriptions,
)
from gateway.capabilities.orders.tasks import Fulfilment

__all__ = [
    "REFUSED",
    "Action",
    "ActionNotOffered",
    "AnswerGift",
    "Attribution",
    "Fulfilment",
    "Gift",
    "GiftPage",
    "Held",
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
    "OrderId",
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
    "User",
    "answer_gift_in_person",
    "as_it_stood",
    "booked_files",
    "booked_orders",
    "confirm_order",
    "get_any",
    "is_open",
    "list_cancellable",
    "move",
    "order_capabilities",
    "order_transitions",
    "orders",
    "refuse_order",
    "subscription_capabilities",
    "subscriptions",
]
