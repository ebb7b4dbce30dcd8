"""One-time codes: the limits hold whatever people do, in whatever order."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from auth.one_time_code import CodeLimits, Outcome, SentCode, check, digest, generate, may_send

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PEPPER = bytes(32)
LIMITS = CodeLimits()
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SENT = SentCode(digest("012345", b"salt", PEPPER), b"salt", NOW)


def outcome(given: str, *, after: timedelta = SECOND, **changes: object) -> Outcome:
    return check(msgspec.structs.replace(SENT, **changes), given, PEPPER, NOW + after, LIMITS)


def test_the_right_code_is_accepted_until_five_minutes_have_passed() -> None:
    assert outcome("012345") is Outcome.ACCEPTED
    assert outcome("012345", after=5 * MINUTE - timedelta(microseconds=1)) is Outcome.ACCEPTED
    assert outcome("012345", after=5 * MINUTE) is Outcome.EXPIRED


def test_a_code_is_read_as_people_type_it() -> None:
    for typed in (" 012345 ", "012 345", "０１２３４５", "012345\n"):
        assert outcome(typed) is Outcome.ACCEPTED


@pytest.mark.parametrize("typed", ["", "12345", "0123456", "abcdef", "٠١٢٣٤٥", "你好", "0" * 10_000])
def test_what_is_no_code_costs_no_try(typed: str) -> None:
    assert outcome(typed) is Outcome.MALFORMED
    assert not Outcome.MALFORMED.costs_a_try


def test_a_wrong_used_or_worn_out_code_is_refused() -> None:
    assert outcome("012346") is Outcome.WRONG
    assert outcome("012345", used=True) is Outcome.USED
    assert outcome("012345", tries=4) is Outcome.ACCEPTED
    assert outcome("012345", tries=5) is Outcome.EXHAUSTED
    for each in Outcome:
        assert each.words["zh"]
        assert each.words["en"]


def test_a_code_is_good_for_its_own_use_only() -> None:
    assert outcome("012345", salt=b"another account") is Outcome.WRONG
    assert check(SENT, "012345", b"another pepper", NOW, LIMITS) is Outcome.WRONG


def test_codes_have_six_digits_and_come_from_the_given_source() -> None:
    assert generate(lambda below: below - 1) == "999999"
    assert generate(lambda below: 0) == "000000"
    source = random.Random(1)
    assert len({generate(source.randrange) for _ in range(1000)}) > 990


def test_a_code_is_sent_again_after_a_minute() -> None:
    refusal = may_send([NOW], [], NOW + 59 * SECOND, LIMITS)
    assert refusal is not None
    assert (refusal.reason, refusal.retry_after) == ("too_soon", SECOND)
    assert "1 秒" in refusal.words["zh"]
    assert may_send([NOW], [NOW], NOW + MINUTE, LIMITS) is None
    by_account = may_send([], [NOW], NOW, LIMITS)
    assert by_account is not None
    assert by_account.reason == "too_soon"


@pytest.mark.parametrize(
    ("gap", "count", "reason"), [(2 * MINUTE, 5, "hourly"), (3 * HOUR, 10, "none"), (2 * HOUR, 10, "daily")]
)
@pytest.mark.parametrize("owner", ["number", "account"])
def test_hourly_and_daily_caps_hold_for_numbers_and_accounts(
    gap: timedelta, count: int, reason: str, owner: str
) -> None:
    history = [NOW - gap * place for place in range(1, count + 1)]
    refusal = may_send(history, [], NOW, LIMITS) if owner == "number" else may_send([], history, NOW, LIMITS)
    assert (refusal.reason if refusal else "none") == (f"{owner}_{reason}" if reason != "none" else "none")
    if refusal:
        later = NOW + refusal.retry_after
        assert may_send(history, history, later, LIMITS) is None
        assert may_send(history, history, later - timedelta(microseconds=1), LIMITS) is not None


times = st.lists(st.timedeltas(timedelta(), 2 * DAY).map(lambda ago: NOW - ago), max_size=30)


@given(times, times, st.randoms())
def test_waiting_as_told_is_enough_and_order_does_not_matter(
    number: list[datetime], account: list[datetime], shuffle: random.Random
) -> None:
    refusal = may_send(number, account, NOW, LIMITS)
    if refusal is not None:
        assert refusal.retry_after > timedelta()
        assert may_send(number, account, NOW + refusal.retry_after, LIMITS) is None
    shuffle.shuffle(number)
    assert may_send(number, account, NOW, LIMITS) == refusal


class Codes(RuleBasedStateMachine):
    """People asking for and trying codes, with a keeper that does no more than the rules tell it."""

    numbers = st.sampled_from(["+8613800138000", "+8613800138001"])
    accounts = st.sampled_from(["wechat:gh:1", "wechat:gh:2", "web:1"])

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.random = random.Random(0)
        self.sendings: list[tuple[str, str, datetime]] = []
        self.codes: dict[tuple[str, str], tuple[SentCode, str]] = {}
        self.tried: dict[bytes, int] = {}
        self.accepted: list[tuple[bytes, datetime, datetime]] = []

    @initialize(seed=st.integers(0, 1000))
    def start(self, seed: int) -> None:
        self.random = random.Random(seed)

    @rule(wait=st.sampled_from([SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, 7 * HOUR]))
    def wait(self, wait: timedelta) -> None:
        self.now += wait

    @rule(number=numbers, account=accounts)
    def ask(self, number: str, account: str) -> None:
        of_number = [at for whose, _, at in self.sendings if whose == number]
        of_account = [at for _, whose, at in self.sendings if whose == account]
        if may_send(of_number, of_account, self.now, LIMITS) is None:
            salt = f"{len(self.sendings)} {number} {account}".encode()
            code = generate(self.random.randrange)
            self.sendings.append((number, account, self.now))
            self.codes[number, account] = (SentCode(digest(code, salt, PEPPER), salt, self.now), code)

    @rule(number=numbers, account=accounts, answer=st.sampled_from(["right", "wrong", "text"]))
    def answer(self, number: str, account: str, answer: str) -> None:
        if (number, account) not in self.codes:
            return
        sent, code = self.codes[number, account]
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        result = check(sent, {"right": code, "wrong": wrong, "text": "订2"}[answer], PEPPER, self.now, LIMITS)
        if result.costs_a_try:
            self.tried[sent.salt] = self.tried.get(sent.salt, 0) + 1
        if result is Outcome.ACCEPTED:
            assert answer == "right"
            self.accepted.append((sent.salt, sent.sent_at, self.now))
        changed = msgspec.structs.replace(
            sent, tries=sent.tries + result.costs_a_try, used=sent.used or result is Outcome.ACCEPTED
        )
        self.codes[number, account] = (changed, code)

    @invariant()
    def no_code_is_tried_more_than_five_times(self) -> None:
        assert max(self.tried.values(), default=0) <= 5

    @invariant()
    def no_code_is_accepted_twice_or_late(self) -> None:
        salts = [salt for salt, _, _ in self.accepted]
        assert len(salts) == len(set(salts))
        assert all(at - sent_at < 5 * MINUTE for _, sent_at, at in self.accepted)

    @invariant()
    def no_cap_is_exceeded(self) -> None:
        for field in (0, 1):
            for whose in {sending[field] for sending in self.sendings}:
                times = [sending[2] for sending in self.sendings if sending[field] == whose]
                for start in times:
                    assert sum(start <= at < start + MINUTE for at in times) <= 1
                    assert sum(start <= at < start + HOUR for at in times) <= 5
                    assert sum(start <= at < start + DAY for at in times) <= 10


Codes.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestCodes = Codes.TestCase
