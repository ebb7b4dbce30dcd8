// The fault form of a stand-in's page: fields are named as the switches are; data-odds marks odds, data-names odds or a list of names.

import { call, t } from "/assets/page.js";

const odds = (text) => (/^\s*next/.test(text) ? text.trim() : Number(text || 0));
const oddsOrNames = (text) => (/^\s*(next.*|[0-9.]*)\s*$/.test(text) ? odds(text) : text.split(/[,，\s]+/).filter(Boolean));

function wanted(field) {
  if (field.type === "checkbox") return field.checked;
  if ("names" in field.dataset) return oddsOrNames(field.value);
  return "odds" in field.dataset ? odds(field.value) : Number(field.value || 0);
}

/** Wire a form with a "clear" button and a status line to /faults. */
export async function wireFaults(form) {
  const fields = [...form.querySelectorAll("input[name]")];
  const said = form.querySelector("[role=status]");
  const show = (faults) => {
    for (const field of fields) {
      if (field.type === "checkbox") field.checked = faults[field.name];
      else field.value = [faults[field.name]].flat().join(", ");
    }
  };
  const put = async (faults) => {
    try {
      show(await call("PUT", "/faults", faults));
      said.textContent = t("已生效。", "In force.");
    } catch (error) {
      said.textContent = t(`没有生效：${error.message}`, `Not applied: ${error.message}`);
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    put(Object.fromEntries(fields.map((field) => [field.name, wanted(field)])));
  });
  form.querySelector("[data-clear]").addEventListener("click", () => put({}));
  show(await call("GET", "/faults"));
}
