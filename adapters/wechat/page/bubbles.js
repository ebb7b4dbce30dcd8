// One bubble as DOM. Text is always text: the server has already told plain words, links and choices apart.

import { make, t } from "/assets/page.js";

const isWebLink = (href) => /^https?:\/\//i.test(href ?? "");
const webLink = (href, ...inside) => make("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...inside);

function choiceButton(words, choice, choose) {
  const button = make("button", { type: "button", class: "choice" }, words);
  button.addEventListener("click", () => choose(choice));
  return button;
}

function inline(segments, choose) {
  return segments.map((segment) => {
    if (segment.choice) return choiceButton(segment.text, segment.choice, choose);
    return isWebLink(segment.href) ? webLink(segment.href, segment.text) : segment.text;
  });
}

function picture(url) {
  const image = make("img", { src: url, alt: "", loading: "lazy" });
  image.addEventListener("error", () => image.remove());
  return image;
}

function card(article) {
  const inside = [make("strong", {}, article.title), make("span", {}, article.description)];
  if (isWebLink(article.picture_url)) inside.unshift(picture(article.picture_url));
  return isWebLink(article.url) ? webLink(article.url, ...inside) : make("div", {}, ...inside);
}

const KINDS = {
  text: (content, choose) => make("p", { class: "text" }, ...inline(content.segments, choose)),
  news: (content) => make("div", { class: "cards" }, ...content.articles.map(card)),
  msgmenu: (content, choose) =>
    make("div", { class: "text" },
      ...inline(content.head, choose),
      make("ul", {}, ...content.items.map((item) => make("li", {}, choiceButton(item.content, item, choose)))),
      ...inline(content.tail, choose)),
  template: (content) =>
    make("div", { class: "text template" },
      make("dl", {}, ...content.values.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
      ...(isWebLink(content.url) ? [webLink(content.url, t("详情", "Details"))] : [])),
  image: (content) => make("p", { class: "text" }, t(`［图片 ${content.media_id}］`, `[image ${content.media_id}]`)),
  voice: (content) => make("p", { class: "text" }, t(`［语音 ${content.media_id}］`, `[voice ${content.media_id}]`)),
  video: (content) => make("p", { class: "text" }, t(`［视频 ${content.media_id}］`, `[video ${content.media_id}]`)),
  music: (content) => make("p", { class: "text" }, t(`［音乐 ${content.title}］`, `[music ${content.title}]`)),
  transfer_customer_service: () => make("p", { class: "text" }, t("［已转人工客服］", "[handed to a person]")),
};

/** The element of one bubble; `choose` gets a clicked choice {id, content}. */
export function bubble(one, accountName, choose) {
  if (one.side === "system") return make("p", { class: "notice" }, t(one.content.zh, one.content.en));
  const sender = one.side === "person" ? t("我：", "Me: ") : `${accountName}：`;
  const tags = one.kind === "template" ? t("模板消息", "Template message") : one.late ? t("客服消息", "Customer-service message") : "";
  return make("div", { class: one.side === "person" ? "said mine" : "said" },
    make("span", { class: "hidden-label" }, sender),
    ...(tags ? [make("small", {}, tags)] : []),
    KINDS[one.kind](one.content, choose));
}
