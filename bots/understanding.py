"""What a person means, by rules: phrases looked up whole, then patterns in order.

The one door is `understand`. Its cost is a dictionary look-up for what people usually type, because readings that
depend on the text alone are remembered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from bots.conversation import Intent, State

LONGEST_READ = 200
"""Characters of a message that are read; what is longer is no command."""

_COUNT = r"第?\s*(?P<n>\d{1,2}|[一二两三四五六七八九十])\s*(?:个|项|号|条|款|单|份)?"
_WISH = r"(?:请|麻烦)?(?:帮我|给我|我)?(?:想要|想|要|就)?"
_PLEASE = r"(?:please |i want to |i'd like to )?"
_THING = r"\s*(?:一个|一份|个|份)?\s*(?P<w>.+?)\s*(?:吧|了|可以吗|吗)?"
_ONE = rf"\s*(?:no\.? ?|number )?{_COUNT}\s*(?:吧|了)?"
_ORDER = rf"(?:{_WISH}(?:订购|订阅|办理|开通|下单|订|办|开)|{_PLEASE}(?:order|subscribe(?: to)?|buy|get|ding)\b)"
_LEAVE = rf"(?:{_WISH}(?:退订|退掉|退|取消订阅|取消业务|关闭业务)|{_PLEASE}unsubscribe(?: from)?\b|{_PLEASE}stop\b)"
_MORE = r"(?:查看)?(?:详情|介绍|了解|看看|说说|details?(?: of| on)?\b|more(?: on| about)?\b|show\b)"
_PRICE = r"(?:多少钱|什么价|价格|资费|怎么收费|how much(?: is| for)?\b|price(?: of)?\b)"


class Rule(NamedTuple):
    """How one intent is said. Patterns match the whole text; `n` is a number of a list, `w` the thing named."""

    intent: str
    phrases: str = ""
    """Separated by blanks or, where a phrase has blanks, by commas."""
    patterns: tuple[str, ...] = ()


RULES = (
    Rule("greet", "你好 您好 hi hello hey 在吗 在么 嗨 哈喽 早上好 下午好 晚上好 开始 start"),
    Rule("help", "帮助,help,?,怎么用,你会什么,你能做什么,有什么功能,菜单,menu,功能,使用说明,what can you do"),
    Rule(
        "recommend",
        "推荐,推荐一下,给我推荐,有什么推荐,推荐业务,推荐套餐,有什么好的,有什么优惠,优惠,换一批,再推荐,再推荐一些,看看业务,"
        "recommend,recommendations,suggest,offers,what do you recommend",
        (r"(?:请|给我|帮我|再)*推荐(?:一下|几个|点|些|一些)?(?:业务|套餐|优惠|的)?(?:吧|呗|吗)?",),
    ),
    Rule(
        "why",
        "为什么,为啥,为什么推荐,推荐理由,why,why this,why these",
        (r".*(?:为什么|为啥|为何|怎么).*推荐.*", r"why\b.*\b(?:recommend|show|offer).*"),
    ),
    Rule("yes", "是,是的,确认,确定,同意,确认订购,确认办理,确认退订,确认开通,y,yes,yes please,confirm"),
    Rule("agree", "好,好的,好啊,好吧,可以,行,嗯,嗯嗯,对,对的,没问题,办吧,ok,okay,sure,yep,yeah"),
    Rule("no", "否,不,不是,不要,取消,算了,不用,不用了,不办,不办了,不订了,拒绝,n,no,no thanks,cancel,not now"),
    Rule(
        "stop_marketing",
        "退订推送,退订消息,退订营销,退订广告,取消推送,关闭推送,不要推送,不要再推送,别再推送,td,t,stop,unsubscribe,stop messages,opt out",
    ),
    Rule("resume_marketing", "订阅推送,开启推送,恢复推送,接收推送,打开推送,opt in,start messages"),
    Rule("stop_recommending", "关闭推荐,不要推荐,别推荐,停止推荐,stop recommending"),
    Rule("resume_recommending", "开启推荐,打开推荐,恢复推荐,resume recommending"),
    Rule("held", "我的业务,已订业务,已订,已订购,我订了什么,我订的业务,我的套餐,查业务,业务查询,my services,subscriptions,my offers"),
    Rule("orders", "我的订单,订单,订单查询,查订单,查询订单,办理进度,进度,my orders,orders,order status"),
    Rule(
        "cancel_order",
        "取消订单,撤销订单,取消办理,cancel order,cancel my order",
        (rf"(?:取消|撤销)(?:订单)?{_ONE}", rf"cancel(?: order)?\s*{_COUNT}"),
    ),
    Rule("grants", "我的授权,授权,授权管理,已授权应用,解除授权,取消授权,my grants,my apps,connected apps"),
    Rule("unbind", "解绑,解除绑定,取消绑定,解绑手机,解绑手机号,unbind,unlink"),
    Rule("bind", "绑定,绑定手机,绑定手机号,绑定号码,我要绑定,重新绑定,换绑,重新获取,重发验证码,bind,link,bind phone,resend"),
    Rule("language_en", "english,英文,英语"),
    Rule("language_zh", "中文,chinese,汉语"),
    Rule("human", "人工,转人工,人工客服,客服,人工服务,agent,human,operator,talk to a person"),
    Rule("thanks", "谢谢,多谢,感谢,谢了,thanks,thank you,thx"),
    Rule(
        "decline",
        "不感兴趣,不喜欢,没兴趣,不需要,not interested",
        (rf"(?:我?对?)?(?:不感兴趣|没兴趣|不喜欢|不需要|不要|别推荐|not interested(?: in)?|dislike){_ONE}", rf"(?:不感兴趣|不喜欢|not interested in){_THING}"),
    ),
    Rule("order_this", "订这个,办这个,就这个,要这个,开通这个,办理这个,就它,就要这个,this one,order this"),
    Rule(
        "price",
        "多少钱,价格,资费,这个多少钱,它多少钱,多少钱一个月,怎么收费,什么价,贵吗,how much,price,how much is it,how much is this",
        (rf"{_ONE}\s*{_PRICE}", rf"{_PRICE}{_ONE}", rf"(?P<w>.+?)(?:要|是)?{_PRICE}", rf"{_PRICE}{_THING}"),
    ),
    Rule("details", "详情,介绍一下,这个是什么,详细,有什么内容,details,more", (rf"{_MORE}{_ONE}", rf"{_ONE}\s*(?:的)?(?:详情|介绍)", rf"{_MORE}{_THING}", r"(?P<w>.+?)(?:的)?(?:详情|怎么样|是什么)")),
    Rule("leave", "退订业务,退订,退业务,我要退订", (rf"{_LEAVE}{_ONE}", rf"{_LEAVE}{_THING}")),
    Rule("order", "订,订购,办理,开通,下单,办业务,order", (rf"{_ORDER}{_ONE}", rf"(?:{_WISH}(?:选|要|来)){_ONE}", rf"{_ORDER}{_THING}")),
    Rule("phone", "", (r"(?:绑定|手机号?|号码|bind|phone)?\s*[::]?\s*(?P<w>(?:\+?86|0086)?[\s-]?1\d{2}[\s-]?\d{4}[\s-]?\d{4})",)),
    Rule("code", "", (r"(?:验证码|code)?\s*(?:是|is|:)?\s*(?P<w>\d{6})",)),
    Rule("number", "", (_ONE.strip(),)),
)  # fmt: skip

_NUMERALS = {numeral: value for value, numeral in enumerate("一二三四五六七八九十", 1)} | {"两": 2}
# Only the letters of the commands above: enough for who types them in traditional script.
_SIMPLIFIED = str.maketrans(
    "訂購閱辦開為薦業務單詳綁號碼認證確價錢麼麽兩貴這個請給幫廣語該對話訊換進選項條營銷",
    "订购阅办开为荐业务单详绑号码认证确价钱么么两贵这个请给帮广语该对话讯换进选项条营销",
)
_EDGES = " \t\n\r.,;:!?~。,、;:!…·“”\"'‘’()[]【】《》「」"


def _phrases() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        separator = "," if "," in rule.phrases else None
        for phrase in rule.phrases.split(separator):
            yield phrase, rule.intent


def _table() -> dict[str, str]:
    table: dict[str, str] = {}
    for phrase, intent in _phrases():
        if table.setdefault(phrase, intent) != intent:
            raise ValueError(f"the phrase {phrase!r} means both {table[phrase]} and {intent}")
    return table


_PHRASES = _table()
_PATTERNS = tuple((re.compile(pattern), rule.intent) for rule in RULES for pattern in rule.patterns)
_PHONE_LIKE = re.compile(r"\+?[\d\s-]{7,20}")
_OF_LISTING = {"offers": "order", "held": "leave", "orders": "order_status"}


def normalise(text: str) -> str:
    """The text as the rules are written: half width, lower case, simplified, without punctuation at its ends."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_SIMPLIFIED)
    text = text.casefold()
    return " ".join(text.strip(_EDGES).split()) or text.strip()


@lru_cache(maxsize=4096)
def _read(text: str) -> Intent:
    """What the text means by itself."""
    plain = normalise(text)
    intent = _PHRASES.get(plain)
    if intent is not None:
        return Intent(intent)
    if len(plain) > LONGEST_READ:
        return Intent("unknown")
    for pattern, name in _PATTERNS:
        found = pattern.fullmatch(plain)
        if found is not None:
            groups = found.groupdict()
            return Intent(name, _number(groups.get("n")), groups.get("w") or "")
    return Intent("unknown", words=plain)


def _number(digits: str | None) -> int | None:
    return None if digits is None else _NUMERALS.get(digits) or int(digits)


def understand(text: str, state: State) -> Intent:
    """What a person means by a text at this point of the conversation; `unknown` when no rule knows."""
    intent = _read(text) if len(text) <= LONGEST_READ else Intent("unknown")
    if intent.name == "number":
        if state.asked in ("which_yes", "which_no"):
            return Intent(state.asked, intent.number)
        return Intent(_OF_LISTING.get(state.listing, "unknown"), intent.number)
    if state.step == "phone" and intent.name in ("unknown", "code") and _PHONE_LIKE.fullmatch(intent.words):
        return Intent("phone", words=intent.words)
    return intent
