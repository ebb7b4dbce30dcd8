"""Bounded waits on a condition, in place of sleeping for a guessed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.1


@overload
async def wait_for(condition: Callable[[], Awaitable[T]], timeout: float = 20.0, message: str = "") -> T: ...


@overload
async def wait_for(condition: Callable[[], T], timeout: float = 20.0, message: str = "") -> T: ...


async def wait_for(condition: Callable[[], Any], timeout: float = 20.0, message: str = "") -> Any:
    """The first true value of `condition`, which may be a plain or an async function.

    Raises:
        AssertionError: it stayed false for `timeout` seconds; tells `message` and the last value.
    """
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        _fail_when_past(deadline, timeout, message, value)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def wait_for_blocking(condition: Callable[[], T], timeout: float = 20.0, message: str = "") -> T:
    """`wait_for` where no event loop runs."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        value = condition()
        if value:
            return value
        _fail_when_past(deadline, timeout, message, value)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _fail_when_past(deadline: float, timeout: float, message: str, value: object) -> None:
    if time.monotonic() >= deadline:
        raise AssertionError(f"{message or 'the condition'}: still {value!r} after {timeout:g} s")
