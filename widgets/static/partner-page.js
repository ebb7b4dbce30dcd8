// The partners' page: apply, claim, sign in, and what is inside.

import { focusOn, make } from "./look.js";
import { showAccount, showStatement, showUsage } from "./partner-account.js";
import { signIn, signOut, tokenNow } from "./partner-calls.js";
import { showFiles, showOrders, showReconciliations } from "./partner-orders.js";
import { ask, at, filled, locale, shown, tell, texts, trying, wordsIn, wordsOf } from "./partner-view.js";
import { showWebhooks } from "./partner-webhooks.js";

/** Have a form do something with what was typed, and tell the outcome under it. */
function doing(name, work) {
  at(`${name}-form`).addEventListener("submit", (event) => {
    event.preventDefault();
    const told = at(`${name}-told`);
    const said = filled(event.target, told);
    if (said) trying(told, () => work(said));
  });
}

doing("apply", async (said) => {
  const applied = await ask("POST", "/v1/applications", {
    client_id: said["apply-client-id"], name: said["apply-name"], contact: said["apply-contact"], purpose: said["apply-purpose"],
    scopes: wordsIn(said["apply-scopes"]), origins: wordsIn(said["apply-origins"]),
  });
  at("claim-id").value = applied.id;
  at("claim-code").value = applied.claim;
  const application = shown(texts.applied, { [texts.appliedId]: applied.id, [texts.appliedClaim]: applied.claim });
  return make("span", { class: "several" }, application, sandboxOf(applied));
});

/** The sandbox that comes with an application: signing in to it needs nobody's approval. */
function sandboxOf({ sandbox }) {
  if (!sandbox) return make("span", {}, texts.noSandbox);
  at("client-id").value = sandbox.client_id;
  at("client-secret").value = sandbox.client_secret;
  return shown(texts.sandbox, { [texts.sandboxId]: sandbox.client_id, [texts.sandboxSecret]: sandbox.client_secret });
}

doing("claim", async (said) => {
  const { state, reason, credentials } = await ask("POST", `/v1/applications/${encodeURIComponent(said["claim-id"])}/claim`, { claim: said["claim-code"] });
  if (!credentials) return reason ? `${texts.states[state]}: ${reason}` : texts.states[state];
  at("client-id").value = credentials.client_id;
  at("client-secret").value = credentials.client_secret;
  return shown(texts.claimed, { [texts.clientId]: credentials.client_id, [texts.clientSecret]: credentials.client_secret });
});

at("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = at("sign-in-told");
  const said = filled(event.target, told);
  if (!said) return;
  tell(told, texts.signingIn);
  try {
    await signIn(said["client-id"], said["client-secret"], locale);
    await enter();
    tell(told, "");
  } catch (problem) {
    leave();
    tell(told, problem.code === "invalid_client" ? texts.wrongSecret : wordsOf(problem), true);
    at("client-secret").focus();
  }
});

async function enter() {
  const account = await showAccount();
  at("client-secret").value = "";
  at("outside").hidden = true;
  at("inside").hidden = false;
  tell(at("explore-told"), texts.signedIn(account.name));
  focusOn(at("account-title"));
  await Promise.all([showUsage(), showWebhooks(), showOrders(), showStatement(), showFiles(), showReconciliations()]);
}

/** Forget the token and whatever it showed. */
function leave() {
  signOut();
  for (const place of document.querySelectorAll("#inside .told, #inside [id$=-list], #account-facts")) place.replaceChildren();
  for (const form of document.querySelectorAll("#inside form")) form.reset();
  at("inside").hidden = true;
  at("outside").hidden = false;
}

at("sign-out").addEventListener("click", () => {
  leave();
  tell(at("sign-in-told"), texts.signedOut);
  at("client-id").focus();
});

document.addEventListener("token-spent", () => {
  if (tokenNow() === null) return; // several sections may find out at once
  leave();
  tell(at("sign-in-told"), texts.again, true);
  at("client-secret").focus();
});

// The token goes to the explorer in a message between two windows of this origin: never into an address, which is kept and logged.
let explorer = null;

at("explore").addEventListener("click", () => {
  explorer = window.open(`/docs?lang=${locale}`);
  if (explorer === null) tell(at("explore-told"), texts.blocked, true);
});

addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== explorer || event.data !== "tuila:token-wanted" || tokenNow() === null) return;
  explorer.postMessage({ token: tokenNow() }, location.origin);
  explorer = null; // once for each opening
  tell(at("explore-told"), texts.explored);
});
