"""Why an order could not be placed or moved."""

from __future__ import annotations

from gateway.errors import Conflict, Forbidden, NotFound, TooManyRequests


class OrderNotFound(NotFound):
    """There is no such order among yours."""

    code = "order-not-found"
    title = {"zh": "没有这个订单", "en": "There is no such order among yours"}


class OfferUnknown(NotFound):
    """There is no offer with that code."""

    code = "offer-unknown"
    title = {"zh": "没有这个商品", "en": "There is no such offer"}


class PartnerRefTaken(Conflict):
    """The partner's own number names another order of it; `order_id` says which."""

    code = "partner-ref-taken"
    title = {"zh": "该合作方单号已用于另一笔订单", "en": "Your number names another order already"}


class NotOrderable(Conflict):
    """This subscriber may not order this offer now; `reason` says why."""

    code = "not-orderable"
    title = {"zh": "暂时不能办理该商品", "en": "This offer cannot be ordered now"}


class ActionNotOffered(Conflict):
    """This cannot be done with this offer now; `reason` says why."""

    code = "action-not-offered"
    title = {"zh": "该商品不能这样办理", "en": "This cannot be done with this offer"}


class TooManyGifts(TooManyRequests):
    """The subscriber began as many gifts today as it may; `retry_after` seconds say when to come again."""

    code = "too-many-gifts"
    title = {"zh": "今天的赠送次数已用完", "en": "No more gifts for now"}


class NotHeld(Conflict):
    """What is not held cannot be unsubscribed."""

    code = "not-held"
    title = {"zh": "您没有订购该商品", "en": "This offer is not held"}


class TermNotOver(Conflict):
    """The offer has a shortest term which is not over."""

    code = "term-not-over"
    title = {"zh": "未满最短在网期限", "en": "The shortest term is not over"}


class OrderAlreadyOpen(Conflict):
    """An order for this offer is under way; `order_id` names it."""

    code = "order-already-open"
    title = {"zh": "该商品已有一笔办理中的订单", "en": "An order for this offer is already under way"}


class NotConfirmable(Conflict):
    """The order no longer waits for a confirmation."""

    code = "not-confirmable"
    title = {"zh": "订单已不能确认", "en": "The order cannot be confirmed any more"}


class NotCancellable(Conflict):
    """The order is past the point where it can be cancelled."""

    code = "not-cancellable"
    title = {"zh": "订单已不能取消", "en": "The order cannot be cancelled any more"}


class OrderingStopped(Forbidden):
    """The partner's ordering was stopped; its event feed says why."""

    code = "ordering-stopped"
    title = {"zh": "该合作方的下单已被停止", "en": "The partner's ordering was stopped"}


class NumberOnHold(Conflict):
    """No partner may push orders for this number now; its holder can order in person."""

    code = "number-on-hold"
    title = {
        "zh": "该号码暂不接受合作方下单，请用户本人办理",
        "en": "This number takes no pushed orders now; its holder can order in person",
    }
