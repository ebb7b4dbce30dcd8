"""Everything the conversation says, in Chinese and English. Errors of capabilities bring their own words."""

from __future__ import annotations

from functools import lru_cache

from bots.conversation import Choice
from gateway.capabilities.orders.words import price

TEXTS: dict[str, tuple[str, str]] = {
    "greeting": (
        "您好，我是您的业务助手。\n{menu}",
        "Hello, I am your service assistant.\n{menu}",
    ),
    "welcome": (
        "感谢关注！我可以为您推荐并办理业务。\n{menu}",
        "Thank you for following! I recommend services and set them up for you.\n{menu}",
    ),
    "scanned": ("欢迎回来！\n{menu}", "Welcome back!\n{menu}"),
    "scan_to_bind": (
        "扫码绑定还未开放。回复“绑定”，用手机号和验证码即可完成绑定。",
        "Binding by QR code is not open yet. Reply “bind” to do it with your phone number and a code.",
    ),
    "menu": (
        "回复“推荐”看适合您的业务，“我的业务”查已订，“我的订单”查进度，“绑定”绑定手机号，“帮助”看全部说明。",
        ("Reply “recommend” for offers that suit you, “my services” for what you have, “my orders” for progress, "
        "“bind” to bind your phone number, “help” for everything."),
    ),
    "help": (
        ("您可以这样对我说：\n"
        "· 推荐：看适合您的业务和理由\n"
        "· 订1 / 订流量音乐包：办理，确认后才生效\n"
        "· 详情1 / 多少钱：内容和资费\n"
        "· 不感兴趣1：不再推荐它\n"
        "· 我的业务、我的订单、取消订单、退订+名称\n"
        "· 绑定、解绑：手机号\n"
        "· 退订推送（TD）、关闭推荐：不再打扰\n"
        "· 我的授权：哪些应用可以替您办事\n"
        "· English：换成英文"),
        ("You can say:\n"
        "· recommend: offers that suit you, with reasons\n"
        "· order 1 / order music plus: nothing happens before you confirm\n"
        "· details 1 / how much: content and price\n"
        "· not interested 1: never show it again\n"
        "· my services, my orders, cancel order, unsubscribe + name\n"
        "· bind, unbind: your phone number\n"
        "· opt out, stop recommending: no nuisance\n"
        "· my grants: which applications may act for you\n"
        "· 中文: switch to Chinese"),
    ),
    "unknown": ("抱歉，我没听懂。\n{menu}", "Sorry, I did not understand.\n{menu}"),
    "only_text": (
        "我暂时只看得懂文字。\n{menu}",
        "I can only read text for now.\n{menu}",
    ),
    "thanks": ("不客气，随时找我。", "You are welcome."),
    "human": (
        "这里目前是自助服务，还没有人工坐席。回复“帮助”看我能为您做什么。",
        "This is a self-service for now, without staff. Reply “help” to see what I can do.",
    ),
    "language": ("好的，之后用中文回复您。\n{menu}", "All right, English from now on.\n{menu}"),
    "fault": (
        "系统繁忙，这次没有办成，也没有扣费。请稍后再试。",
        "We are busy: this was not done and nothing was charged. Please try again later.",
    ),
    "slow": (
        "处理时间比平时长，请稍后回复“我的订单”查看结果。",
        "This takes longer than usual; reply “my orders” a little later to see the result.",
    ),
    "handled": ("这条消息已经处理过了。回复“我的订单”查看进度。", "This message was handled already. Reply “my orders” to see."),
    "too_fast": ("您发得太快了，请{seconds}秒后再试。", "That was too fast; please try again in {seconds} seconds."),
    # Offers
    "recommended": ("为您推荐：\n{list}\n回复“订1”办理，“详情1”了解，“不感兴趣1”不再推荐。",
                    "Recommended for you:\n{list}\nReply “order 1”, “details 1” or “not interested 1”."),
    "popular": ("大家都在用：\n{list}\n回复“订1”办理，“详情1”了解。绑定手机号后推荐更准，回复“绑定”。",
                "Popular now:\n{list}\nReply “order 1” or “details 1”. Bind your phone number for better ones: “bind”."),
    "line": ("{number}. {name}，{price}", "{number}. {name}, {price}"),
    "nothing_to_recommend": (
        "现在没有更适合您的业务，过几天再来看看。",
        "Nothing suits you better right now; look in again in some days.",
    ),
    "recommending_stopped": (
        "您已关闭推荐。回复“开启推荐”可以恢复。",
        "You switched recommendations off. Reply “resume recommending” to have them again.",
    ),
    "why": (
        "推荐依据您的品牌、已订业务和使用习惯，每条下面都写了理由，不看通话和短信内容。回复“不感兴趣1”不再推荐某项，“关闭推荐”全部关闭。",
        ("Recommendations rest on your brand, what you have and how you use it; each shows its reason. Calls and messages "
        "are never read. Reply “not interested 1” to drop one, “stop recommending” to end them all."),
    ),
    "several": ("您说的是哪一个？\n{list}\n回复“订1”办理，“详情1”了解。", "Which one do you mean?\n{list}\nReply “order 1” or “details 1”."),
    "no_such_offer": ("没有找到“{words}”。回复“推荐”看看有什么。", "There is no “{words}”. Reply “recommend” to see what there is."),
    "no_such_number": ("没有第{number}项。回复“推荐”再看一遍。", "There is no number {number}. Reply “recommend” to see the list again."),
    "which_offer": ("请告诉我是哪一个，例如“订1”或“订流量音乐包”。回复“推荐”看看有什么。",
                    "Tell me which one, for example “order 1”. Reply “recommend” to see what there is."),
    "details": ("{name}，{price}\n{description}{allowance}\n{how}", "{name}, {price}\n{description}{allowance}\n{how}"),
    "details_order": ("\n回复“订这个”办理。", "\nReply “order this” to have it."),
    "allowance": ("\n每期含：{parts}", "\nEach period: {parts}"),
    "traffic": ("{amount}流量", "{amount} of data"),
    "sms": ("{amount}条短信", "{amount} texts"),
    "minutes": ("{amount}分钟通话", "{amount} minutes"),
    "trial": ("\n前{days}天免费", "\nFirst {days} days free"),
    "price_of": ("{name}：{price}", "{name}: {price}"),
    "declined": ("好的，90天内不再推荐「{name}」。回复“推荐”看看其他。", "All right, no {name} for 90 days. Reply “recommend” for others."),
    "decline_which": ("请告诉我是第几个，例如“不感兴趣1”。", "Tell me which one, for example “not interested 1”."),
    # Orders
    "ordering": ("好的，「{name}」正在为您办理，完成后通知您。", "All right, {name} is being set up; you will hear when it is done."),
    "leaving": ("好的，「{name}」正在为您退订，完成后通知您。", "All right, {name} is being unsubscribed; you will hear when it is done."),
    "under_way": ("「{name}」正在办理中，完成后通知您。", "{name} is under way; you will hear when it is done."),
    "not_orderable": ("{why}。回复“推荐”看看其他业务。", "{why}. Reply “recommend” for other offers."),
    "not_confirmable": ("{why}，没有扣费。需要的话回复“推荐”重新选择。", "{why}; nothing was charged. Reply “recommend” to choose again."),
    "cancelled": ("已取消「{name}」，不会扣费。", "{name} is cancelled; nothing will be charged."),
    "kept": ("好的，「{name}」继续保留。", "All right, you keep {name}."),
    "nothing_to_confirm": ("现在没有等您确认的订单。\n{menu}", "Nothing waits for your confirmation.\n{menu}"),
    "nothing_to_refuse": ("好的。需要时回复“推荐”或“帮助”。", "All right. Reply “recommend” or “help” whenever you like."),
    "which_yes": ("有多笔订单等您确认，确认哪一笔？请回复序号：\n{list}", "Several orders wait. Which one to confirm? Reply its number:\n{list}"),
    "which_no": ("取消哪一笔？请回复序号：\n{list}", "Which one to cancel? Reply its number:\n{list}"),
    "orders": ("您最近的订单：\n{list}\n回复“取消订单1”取消还没办理的。", "Your latest orders:\n{list}\nReply “cancel order 1” for one not carried out yet."),
    "order_line": ("{number}. {action}{name}，{state}，{at}", "{number}. {action}{name}, {state}, {at}"),
    "no_orders": ("您还没有订单。回复“推荐”看看有什么。", "You have no orders yet. Reply “recommend” to see what there is."),
    "nothing_to_cancel": ("没有可以取消的订单。已开通的业务可以回复“我的业务”退订。",
                          "There is no order to cancel. Reply “my services” to unsubscribe what you have."),
    "order_status": ("{action}「{name}」：{state}，{at}", "{action}{name}: {state}, {at}"),
    "held": ("您已订的业务：\n{list}\n回复“退订1”退订。", "You have:\n{list}\nReply “unsubscribe 1” to stop one."),
    "held_none": ("您还没有订业务。回复“推荐”看看有什么。", "You have no services yet. Reply “recommend” to see what there is."),
    "not_held": ("您没有订“{words}”。回复“我的业务”查看已订。", "You do not have “{words}”. Reply “my services” to see what you have."),
    # Binding
    "ask_phone": ("请回复您的手机号，我会发送验证码。", "Please reply with your phone number; you will get a code."),
    "ask_phone_first": ("办理前请先绑定手机号。请回复您的手机号，我会发送验证码。", "Please bind your phone number first: reply with it and you will get a code."),
    "code_sent": ("验证码已发送到{to}，请在{minutes}分钟内回复6位验证码。没收到？{seconds}秒后再发一次手机号。",
                  "A code was sent to {to}; reply with its 6 digits within {minutes} minutes. Not there? Send your number again in {seconds} seconds."),
    "code_refused": ("{why}。请重新回复验证码，或再发一次手机号获取新的。", "{why}. Reply with the code again, or send your number for a new one."),
    "phone_refused": ("{why}，请再回复一次手机号。", "{why}; please reply with your phone number again."),
    "code_wait": ("{why}，请{seconds}秒后再试。", "{why}; please try again in {seconds} seconds."),
    "stray_code": ("要绑定手机号吗？请先回复您的手机号。", "Do you want to bind your phone? Please reply with its number first."),
    "bound": ("绑定成功，手机号{phone}。", "Bound to {phone}."),
    "bound_next": ("\n回复“推荐”看适合您的业务。", "\nReply “recommend” for offers that suit you."),
    "binding_dropped": ("好的，先不绑定。需要时回复“绑定”。", "All right, not now. Reply “bind” whenever you like."),
    "ask_unbind": ("解绑后将不能在这里查询和办理业务，登录也会一并失效。回复“是”解绑，“否”保留。",
                   "Without it you cannot see or order services here, and every sign-in ends. Reply YES to unbind or NO to keep it."),
    "unbound": ("已解除绑定。需要时回复“绑定”。", "Unbound. Reply “bind” whenever you like."),
    "grants": ("您用手机号登录并授权了：\n{list}\n查看详情或解除：{page}", "You signed in with your number at:\n{list}\nSee what each may do, or end it: {page}"),
    "grant_line": ("· {name}，自{since}起", "· {name}, since {since}"),
    "grants_none": ("您没有授权任何应用。", "No application may act for you."),
    "unbind_dropped": ("好的，绑定保留。", "All right, you stay bound."),
    # Consent
    "marketing_stopped": ("已退订推送，不再给您发送营销消息。业务办理通知不受影响。回复“订阅推送”恢复。",
                          "No more marketing messages. Notices about your orders still come. Reply “opt in” to have them again."),
    "marketing_resumed": ("已恢复推送。回复“退订推送”随时关闭。", "Messages are on again. Reply “opt out” at any time."),
    "recommending_ended": ("已关闭推荐。回复“开启推荐”恢复。", "Recommendations are off. Reply “resume recommending” to have them again."),
    "recommending_resumed": ("已开启推荐。回复“推荐”看看。", "Recommendations are on. Reply “recommend” to see them."),
}  # fmt: skip
"""Key → (zh, en)."""

STATES: dict[str, tuple[str, str]] = {
    "acknowledged": ("已受理", "taken down"),
    "awaiting_confirmation": ("待您确认", "waits for your yes"),
    "awaiting_recipient": ("待对方接受", "waits for the recipient"),
    "accepted": ("办理中", "under way"),
    "booked": ("已预约", "booked"),
    "provisioning": ("办理中", "under way"),
    "unknown": ("办理中", "under way"),
    "completed": ("已完成", "done"),
    "failed": ("未成功", "failed"),
    "cancelled": ("已取消", "cancelled"),
    "expired": ("已超时", "expired"),
}

ACTIONS: dict[str, tuple[str, str]] = {
    "subscribe": ("订购", ""),
    "unsubscribe": ("退订", "unsubscribe "),
    "change": ("更换为", "change to "),
    "gift": ("赠送", "gift of "),
    "start_trial": ("试用", "trial of "),
    "convert_trial": ("试用转正", "after the trial "),
    "renew": ("续订", "renew "),
    "book": ("预约", "booking of "),
}

CHOICES: dict[str, tuple[str, str]] = {
    "order": ("订{number}", "order {number}"),
    "leave": ("退订{number}", "unsubscribe {number}"),
    "order_this": ("订这个", "order this"),
    "recommend": ("推荐", "recommend"),
    "held": ("我的业务", "my services"),
    "orders": ("我的订单", "my orders"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
}
"""What can be tapped; the label is what is sent."""


def is_english(locale: str) -> bool:
    """Whether people of this locale are answered in English; everybody else reads Chinese."""
    return locale.startswith("en")


def say(key: str, locale: str, **values: object) -> str:
    """One text with its values; `{menu}` stands for the short menu."""
    language = is_english(locale)
    text = TEXTS[key][language]
    return text.format(menu=TEXTS["menu"][language], **values) if "{" in text else text


@lru_cache(maxsize=1024)
def choices(keys: tuple[str, ...], locale: str) -> tuple[Choice, ...]:
    """Words to tap; `order:2` is the word for the second of a list."""
    language = is_english(locale)
    found = []
    for key in keys:
        name, _, number = key.partition(":")
        says = CHOICES[name][language].format(number=number)
        found.append(Choice(says, says))
    return tuple(found)


@lru_cache(maxsize=4096)
def offer_line(number: int, name: str, price_fen: int, period: str, locale: str) -> str:
    """One numbered offer of a list; lists of the same offers are asked for all the time."""
    return say("line", locale, number=number, name=name, price=price(price_fen, period, locale))


def state_words(state: str, locale: str) -> str:
    """An order state in words."""
    return STATES[state][is_english(locale)]


def action_words(action: str, locale: str) -> str:
    """What an order does, before its name."""
    return ACTIONS[action][is_english(locale)]
