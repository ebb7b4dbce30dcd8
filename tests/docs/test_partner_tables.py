"""The tables of docs/partners.md name every error, reason and order state there is, and no other."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import get_args

import gateway
from auth import policy
from auth.policy import ALLOWED, Decision
from gateway.capabilities.offers import eligibility
from gateway.capabilities.orders.states import OrderState
from gateway.errors import GatewayError

TEXT = (Path(__file__).parents[2] / "docs" / "partners.md").read_text("utf-8")


def below(error):
    for one in error.__subclasses__():
        yield one
        yield from below(one)


def errors():
    """Every error the gateway declares; those that tests declare for themselves are none."""
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    return {error for error in below(GatewayError) if error.__module__.startswith("gateway.")}


def test_every_error_is_in_the_table_with_its_status():
    table = set(re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", TEXT, re.MULTILINE))
    assert table == {(str(error.status), error.code) for error in errors()}


def test_no_two_errors_share_a_code():
    codes = [error.code for error in errors()]
    assert len(codes) == len(set(codes))


def test_every_reason_of_the_policy_is_in_the_table():
    decisions = {one.reason for one in vars(policy).values() if isinstance(one, Decision)} - {ALLOWED.reason}
    _, _, after = TEXT.partition("`reason` of a refused caller")
    assert set(re.findall(r"^\| `([a-z_]+)` \|", after, re.MULTILINE)) == decisions


def test_every_reason_why_an_offer_cannot_be_ordered_is_named():
    row = next(line for line in TEXT.splitlines() if "`not-orderable`" in line)
    assert set(get_args(eligibility.Reason)) <= set(re.findall(r"`([a-z_]+)`", row))


def test_every_order_state_is_in_the_table():
    states, _, _ = TEXT.partition("## States")[2].partition("## Quota")
    assert set(re.findall(r"^\| `([a-z_]+)` \|", states, re.MULTILINE)) == set(OrderState)
