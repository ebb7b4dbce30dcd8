import itertools

import pytest

from tests.waiting import wait_for, wait_for_blocking


async def test_the_first_true_value_is_returned():
    numbers = itertools.count()
    assert await wait_for(lambda: next(numbers) // 3) == 1
    assert wait_for_blocking(lambda: next(numbers) // 6) == 1


async def test_an_async_condition_is_awaited():
    numbers = itertools.count()

    async def third():
        return next(numbers) == 2

    assert await wait_for(third)


async def test_a_condition_that_stays_false_fails_with_its_message():
    with pytest.raises(AssertionError, match=r"the order is done: still None after 0\.01 s"):
        await wait_for(lambda: None, timeout=0.01, message="the order is done")
    with pytest.raises(AssertionError, match=r"the condition: still 0"):
        wait_for_blocking(lambda: 0, timeout=0.01)
