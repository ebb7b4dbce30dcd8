// What the elements say, in Chinese and in English, and how they write prices and times.

const CHINESE = {
  recommended: "为您推荐",
  recommendedHint: "根据您的使用习惯挑选，每一项都说明理由",
  loading: "正在加载…",
  nothingSuits: "暂时没有适合您的推荐",
  nothingSuitsHint: "过段时间再来看看吧。",
  cannotLoad: "暂时无法加载",
  offline: "网络已断开，恢复后会自动重试",
  unreachable: "连接不上服务，请检查网络后重试",
  failed: "出了点问题，请稍后重试",
  retry: "重试",
  order: "订购",
  orderOffer: (name) => `订购 ${name}`,
  notInterested: "不感兴趣",
  notInterestedIn: (name) => `不感兴趣 ${name}`,
  declined: (name) => `已为您隐藏「${name}」，近期不再推荐`,
  details: "详情",
  detailsOf: (name) => `详情 ${name}`,
  fromLink: "您刚才查看的商品",
  free: "免费",
  trial: (days) => `首次订购免费试用 ${days} 天`,
  nextCycle: "下个账期生效",
  placing: "正在提交订单…",
  confirmTitle: { subscribe: "确认订购", unsubscribe: "确认退订" },
  confirmLead: { subscribe: "请核对以下内容，确认后开始办理。", unsubscribe: "退订生效后不再扣费。" },
  confirmYes: { subscribe: "确认订购", unsubscribe: "确认退订" },
  confirmNo: { subscribe: "暂不订购", unsubscribe: "保留业务" },
  factOffer: "业务",
  factPrice: "资费",
  factPeriod: "计费方式",
  factCancel: "如何退订",
  cancelBy: (how) => `如何退订：${how}`,
  factUntil: "有效期",
  until: (time) => `请在 ${time} 前确认`,
  periods: { month: "按月收取，自动续订", once: "一次性收取", day: "按天收取，仅当天" },
  semicolon: "；",
  working: "请稍候…",
  bindTitle: "先验证手机号",
  bindLead: "验证后即可办理业务、查看订单。",
  phone: "手机号",
  phoneHint: "中国大陆 11 位手机号",
  phoneMissing: "请输入手机号",
  getCode: "获取验证码",
  codeSent: (to) => `验证码已发送至 ${to}，5 分钟内有效`,
  code: "验证码",
  codeMissing: "请输入 6 位数字验证码",
  bind: "验证并继续",
  resend: "重新获取",
  resendIn: (seconds) => `${seconds} 秒后可重新获取`,
  otherPhone: "更换手机号",
  triesLeft: (count) => `还可以再试 ${count} 次`,
  notNow: "暂不",
  bound: (phone) => `已验证 ${phone}`,
  stillWorking: "仍在办理中，结果会记录在订单里。",
  checkAgain: "再查一次",
  outcome: {
    subscribe: { completed: "已开通", failed: "办理未成功，未扣费", cancelled: "已取消，未扣费", expired: "确认超时，未扣费" },
    unsubscribe: { completed: "已退订，不再扣费", failed: "退订未成功", cancelled: "已取消，业务保留", expired: "确认超时，业务保留" },
  },
  states: {
    acknowledged: "已受理",
    awaiting_confirmation: "待确认",
    awaiting_recipient: "待对方接受",
    accepted: "已确认",
    booked: "已预约",
    provisioning: "办理中",
    unknown: "核实中",
    completed: "已完成",
    failed: "未成功",
    cancelled: "已取消",
    expired: "已超时",
  },
  actions: {
    subscribe: "订购", unsubscribe: "退订", change: "更换", gift: "赠送", start_trial: "试用", convert_trial: "试用转正",
    renew: "续订", book: "预约",
  },
  channels: { wechat: "微信", web: "网页", api: "开放接口", rest: "开放接口", sms: "短信", platform: "系统", chat: "对话" },
  held: "我的业务",
  noneHeld: "还没有订购的业务",
  orders: "我的订单",
  noOrders: "还没有订单",
  signIn: "验证手机号后查看您的业务和订单",
  signInButton: "验证手机号",
  unsubscribe: "退订",
  unsubscribeOffer: (name) => `退订 ${name}`,
  since: (time) => `${time} 开通`,
  goConfirm: "去确认",
  goConfirmOrder: (name) => `去确认 ${name}`,
  cancelOrder: "取消订单",
  cancelOrderOf: (name) => `取消订单 ${name}`,
  cancelledNow: "订单已取消，未扣费",
  history: "办理过程",
  historyOf: (name) => `办理过程 ${name}`,
  more: "更多",
  close: "收起",
};

const ENGLISH = {
  recommended: "Recommended for you",
  recommendedHint: "Picked from your habits; each one says why",
  loading: "Loading…",
  nothingSuits: "Nothing to recommend right now",
  nothingSuitsHint: "Please look again some other day.",
  cannotLoad: "This could not be loaded",
  offline: "You are offline; it will try again once you are back",
  unreachable: "The service cannot be reached. Check your network and try again",
  failed: "Something went wrong. Please try again later",
  retry: "Try again",
  order: "Order",
  orderOffer: (name) => `Order ${name}`,
  notInterested: "Not interested",
  notInterestedIn: (name) => `Not interested in ${name}`,
  declined: (name) => `${name} is hidden and will stay away for a while`,
  details: "Details",
  detailsOf: (name) => `Details of ${name}`,
  fromLink: "The offer you just looked at",
  free: "Free",
  trial: (days) => `Free for the first ${days} days`,
  nextCycle: "Starts with the next billing cycle",
  placing: "Placing the order…",
  confirmTitle: { subscribe: "Confirm your order", unsubscribe: "Confirm unsubscribing" },
  confirmLead: {
    subscribe: "Please check the details. Nothing starts before you confirm.",
    unsubscribe: "Charges stop once it takes effect.",
  },
  confirmYes: { subscribe: "Confirm order", unsubscribe: "Unsubscribe" },
  confirmNo: { subscribe: "Not now", unsubscribe: "Keep it" },
  factOffer: "Offer",
  factPrice: "Price",
  factPeriod: "Billing",
  factCancel: "How to cancel",
  cancelBy: (how) => `How to cancel: ${how}`,
  factUntil: "Good until",
  until: (time) => `Please confirm before ${time}`,
  periods: { month: "Monthly, renews by itself", once: "Charged once", day: "For one day" },
  semicolon: "; ",
  working: "One moment…",
  bindTitle: "Verify your phone first",
  bindLead: "Then you can order and follow your orders.",
  phone: "Mobile number",
  phoneHint: "11 digits, mainland China",
  phoneMissing: "Enter your mobile number",
  getCode: "Send code",
  codeSent: (to) => `A code was sent to ${to}. It is good for 5 minutes`,
  code: "Code",
  codeMissing: "Enter the 6 digits of the code",
  bind: "Verify and go on",
  resend: "Send again",
  resendIn: (seconds) => `Send again in ${seconds} s`,
  otherPhone: "Other number",
  triesLeft: (count) => (count === 1 ? "1 try left" : `${count} tries left`),
  notNow: "Not now",
  bound: (phone) => `${phone} is verified`,
  stillWorking: "Still in progress. The outcome will show among your orders.",
  checkAgain: "Check again",
  outcome: {
    subscribe: {
      completed: "Active",
      failed: "It did not succeed; nothing was charged",
      cancelled: "Cancelled; nothing was charged",
      expired: "The confirmation ran out; nothing was charged",
    },
    unsubscribe: {
      completed: "Unsubscribed; no more charges",
      failed: "Unsubscribing did not succeed",
      cancelled: "Cancelled; you keep it",
      expired: "The confirmation ran out; you keep it",
    },
  },
  states: {
    acknowledged: "Taken down",
    awaiting_confirmation: "To be confirmed",
    awaiting_recipient: "Waits for the recipient",
    accepted: "Confirmed",
    booked: "Booked",
    provisioning: "In progress",
    unknown: "Being checked",
    completed: "Completed",
    failed: "Failed",
    cancelled: "Cancelled",
    expired: "Expired",
  },
  actions: {
    subscribe: "Order", unsubscribe: "Unsubscribe", change: "Change", gift: "Gift", start_trial: "Trial",
    convert_trial: "Keep after trial", renew: "Renew", book: "Booking",
  },
  channels: { wechat: "WeChat", web: "Web", api: "API", rest: "API", sms: "SMS", platform: "System", chat: "Chat" },
  held: "My services",
  noneHeld: "No services yet",
  orders: "My orders",
  noOrders: "No orders yet",
  signIn: "Verify your phone to see your services and orders",
  signInButton: "Verify phone",
  unsubscribe: "Unsubscribe",
  unsubscribeOffer: (name) => `Unsubscribe ${name}`,
  since: (time) => `Since ${time}`,
  goConfirm: "Confirm",
  goConfirmOrder: (name) => `Confirm ${name}`,
  cancelOrder: "Cancel order",
  cancelOrderOf: (name) => `Cancel order ${name}`,
  cancelledNow: "The order is cancelled; nothing was charged",
  history: "Steps",
  historyOf: (name) => `Steps of ${name}`,
  more: "More",
  close: "Close",
};

/** "en" for English locales, "zh-CN" for every other one. */
export const languageOf = (locale) => (/^en\b/i.test(locale ?? "") ? "en" : "zh-CN");

/** All texts in the language of a locale. */
export const textsFor = (locale) => (languageOf(locale) === "en" ? ENGLISH : CHINESE);

const UNITS = {
  "zh-CN": { month: "元/月", once: "元/次", day: "元/天" },
  en: { month: "/month", once: " once", day: "/day" },
};

/** A price as its figure and its unit, `{ figure: "10", unit: "元/月" }`; zero has no unit. */
export function priceParts(fen, period, locale) {
  if (fen === 0) return { figure: textsFor(locale).free, unit: "" };
  const language = languageOf(locale);
  const yuan = String(Number((fen / 100).toFixed(2)));
  return { figure: language === "en" ? `¥${yuan}` : yuan, unit: UNITS[language][period] ?? "" };
}

/** A price in words: 10元/月, ¥10/month. */
export function priceText(fen, period, locale) {
  const { figure, unit } = priceParts(fen, period, locale);
  return figure + unit;
}

/** A moment as the visitor's clock shows it. `style` is "date", "time" or "both". */
export function timeText(iso, locale, style = "both") {
  const parts = { date: { dateStyle: "medium" }, time: { timeStyle: "short" }, both: { dateStyle: "medium", timeStyle: "short" } };
  return new Intl.DateTimeFormat(languageOf(locale), parts[style]).format(new Date(iso));
}

/** What a person reads of an error: the service's own words, or ours where it could not be asked. */
export function problemText(problem, locale) {
  const texts = textsFor(locale);
  if (problem.status === 0) return navigator.onLine === false ? texts.offline : texts.unreachable;
  return problem.message || texts.failed;
}
