"""Binding a channel account to a subscriber by a one-time code, and ending it."""

from gateway.capabilities.bindings.capability import (
    BindingList,
    BindingView,
    BoundTo,
    CodeSent,
    ConfirmCode,
    EndBinding,
    ListBindings,
    NumberVerified,
    RequestCode,
)
from gateway.capabilities.bindings.capability import bindings as binding_capabilities
from gateway.capabilities.bindings.codes import CodeSender
from gateway.capabilities.bindings.errors import CodeRefused, CodeTooSoon, NotASubscriber, PhoneNumberInvalid
from gateway.capabilities.bindings.repository import end as end_binding
from gateway.capabilities.bindings.repository import end_bound, suspend_bound
from gateway.capabilities.bindings.repository import hold as hold_binding
from gateway.capabilities.bindings.repository import live_of_account as live_binding
from gateway.capabilities.bindings.repository import start as start_binding
from gateway.capabilities.bindings.repository import withdrawn as withdrawn_bindings
from gateway.capabilities.bindings.tables import bindings

__all__ = [
    "BindingList",
    "BindingView",
    "BoundTo",
    "CodeRefused",
    "CodeSender",
    "CodeSent",
    "CodeTooSoon",
    "ConfirmCode",
    "EndBinding",
    "ListBindings",
    "NotASubscriber",
    "NumberVerified",
    "PhoneNumberInvalid",
    "RequestCode",
    "binding_capabilities",
    "bindings",
    "end_binding",
    "end_bound",
    "hold_binding",
    "live_binding",
    "start_binding",
    "suspend_bound",
    "withdrawn_bindings",
]
