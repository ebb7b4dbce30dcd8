import { wireFaults } from "/assets/faults.js";
import { call, clockTime, keepAsking, make, startLanguage, t } from "/assets/page.js";

const to = document.getElementById("to");
const count = document.getElementById("count");
const list = document.getElementById("messages");
let shown = "";

const item = (message) =>
  make("li", {},
    make("div", { class: "meta" }, make("strong", {}, message.to), make("time", { datetime: message.at }, clockTime(message.at))),
    make("p", { class: "text" }, message.text));

async function showInbox() {
  const { messages } = await call("GET", `/messages?limit=100&to=${encodeURIComponent(to.value.trim())}`);
  const state = `${document.documentElement.lang} ${to.value} ${messages[0]?.seq} ${messages.length}`;
  if (state === shown) return;
  shown = state;
  count.textContent = messages.length ? t(`${messages.length} 条短信`, `${messages.length} messages`) : t("还没有短信。", "No messages yet.");
  list.replaceChildren(...messages.map(item));
}

const askNow = keepAsking(showInbox, 1500);
startLanguage(askNow);
to.value = new URLSearchParams(location.search).get("to") ?? "";
to.addEventListener("input", askNow);
wireFaults(document.getElementById("faults"));
