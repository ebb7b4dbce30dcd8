import { wireFaults } from "/assets/faults.js";
import { call, clockTime, keepAsking, make, startLanguage, t } from "/assets/page.js";

const field = (id) => document.getElementById(id);
const tableButtons = [...document.querySelectorAll("[data-table]")];
let table = "effects";

const HEADINGS = {
  seq: ["序号", "No."], number: ["订单号", "Order number"], subscriber_ref: ["用户", "Subscriber"], offer_code: ["产品", "Offer"],
  action: ["动作", "Action"], effective: ["生效", "Effective"], price_fen: ["价格", "Price"], at: ["时间", "Time"],
  status: ["状态", "Status"], reason: ["原因", "Reason"], kind: ["请求", "Request"], outcome: ["结果", "Outcome"], answer_lost: ["应答丢失", "Answer lost"],
};
const WORDS = {
  subscribe: ["订购", "subscribe"], unsubscribe: ["退订", "unsubscribe"], now: ["立即", "now"], next_cycle: ["次月", "next cycle"],
  completed: ["已完成", "completed"], processing: ["处理中", "processing"], refused: ["已拒绝", "refused"], post: ["下单", "order"], get: ["查询", "question"],
  taken: ["收下", "taken"], repeated: ["重复", "repeated"], clash: ["号码冲突", "clash"], busy: ["停机", "down"], unknown_order: ["无此单", "not known"],
};
const BAD = new Set(["refused", "clash", "busy"]);

function cell(column, value) {
  if (column === "at") return clockTime(value);
  if (column === "price_fen") return `¥${(value / 100).toFixed(2)}`;
  if (column === "answer_lost") return value ? make("span", { class: "tag bad" }, t("丢失", "lost")) : "";
  if (["status", "outcome"].includes(column)) {
    return make("span", { class: BAD.has(value) ? "tag bad" : "tag" }, WORDS[value] ? t(...WORDS[value]) : value);
  }
  return WORDS[value] && ["action", "effective", "kind"].includes(column) ? t(...WORDS[value]) : String(value ?? "");
}

async function showLedger() {
  const page = await call("GET", `/ledger?table=${table}&order=newest&limit=50`);
  for (const button of tableButtons) {
    button.setAttribute("aria-pressed", String(button.dataset.table === table));
    button.querySelector(".count").textContent = page.counts[button.dataset.table];
  }
  const rows = field("rows");
  if (!page.items.length) {
    rows.replaceChildren(make("caption", {}, t("还没有记录。", "Nothing yet.")));
    return;
  }
  const columns = Object.keys(page.items[0]);
  rows.replaceChildren(
    make("caption", {}, t(`最近 ${page.items.length} 条`, `The latest ${page.items.length}`)),
    make("thead", {}, make("tr", {}, ...columns.map((column) => make("th", { scope: "col" }, t(...HEADINGS[column]))))),
    make("tbody", {}, ...page.items.map((item) => make("tr", {}, ...columns.map((column) => make("td", {}, cell(column, item[column])))))),
  );
}

const askNow = keepAsking(showLedger, 2000);
startLanguage(askNow);
for (const button of tableButtons) {
  button.addEventListener("click", () => {
    table = button.dataset.table;
    askNow();
  });
}
wireFaults(field("faults"));
