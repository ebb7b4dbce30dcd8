// The account's menu: up to three buttons, each an action or a list of up to five.

import { make } from "/assets/page.js";

function action(button, press) {
  if (button.type === "view" && /^https?:\/\//i.test(button.url)) {
    const link = make("a", { href: button.url, target: "_blank", rel: "noopener noreferrer" }, button.name);
    link.addEventListener("click", () => press("view", button.url));
    return link;
  }
  const element = make("button", { type: "button" }, button.name);
  element.addEventListener("click", () => press("click", button.key));
  return element;
}

function opener(button, press, closeAll) {
  const list = make("ul", { hidden: "" }, ...button.sub_button.map((below) => make("li", {}, action(below, press))));
  const element = make("button", { type: "button", "aria-expanded": "false" }, `≡ ${button.name}`);
  const open = (wanted) => {
    closeAll();
    list.hidden = !wanted;
    element.setAttribute("aria-expanded", String(wanted));
  };
  element.addEventListener("click", () => open(list.hidden));
  list.addEventListener("click", () => open(false));
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    open(false);
    element.focus();
  });
  return [element, list];
}

/** Show the menu in `nav`; `press` gets ("click", key) or ("view", url). */
export function showMenu(nav, buttons, press) {
  const closeAll = () => {
    for (const list of nav.querySelectorAll("ul")) list.hidden = true;
    for (const button of nav.querySelectorAll("[aria-expanded]")) button.setAttribute("aria-expanded", "false");
  };
  for (const old of nav.querySelectorAll(".item")) old.remove();
  for (const button of buttons) {
    const inside = button.sub_button.length ? opener(button, press, closeAll) : [action(button, press)];
    nav.append(make("div", { class: "item" }, ...inside));
  }
  nav.hidden = !buttons.length;
}
