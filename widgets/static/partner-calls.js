// Calls of a partner's own account. The token is in this module's memory alone, and is gone with the page.

import { Problem } from "./session.js";

const TIMEOUT_MS = 15_000;

let token = null;
let quota = null;

/** What is left of the quota as the last answer told it: `{second: {limit, left}, day: {…}}`, or null. */
export const quotaNow = () => quota;

/** The access token, or null. */
export const tokenNow = () => token;

/** Exchange the client id and secret for a token (RFC 6749 §4.4). Throws a Problem. */
export async function signIn(id, secret, locale) {
  const basic = [id, secret].map((part) => encodeURIComponent(part).replaceAll("%20", "+")).join(":");
  const headers = { Authorization: `Basic ${btoa(basic)}`, "Accept-Language": locale };
  const response = await send("/oauth/token", { method: "POST", headers, body: new URLSearchParams({ grant_type: "client_credentials" }) });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, { code: answer.error, detail: answer.error_description });
  token = answer.access_token;
}

/** Forget the token. */
export function signOut() {
  token = null;
  quota = null;
}

/** Call the gateway, with the token where there is one, and return the answer. Throws a Problem. */
export async function call(method, path, { body, locale } = {}) {
  const response = await answered(method, path, body, locale);
  return response.json().catch(() => ({}));
}

/** A file of the gateway, as a Blob. Throws a Problem. */
export async function download(path, locale) {
  return (await answered("GET", path, undefined, locale)).blob();
}

async function answered(method, path, body, locale) {
  const headers = { Accept: "application/json", "Accept-Language": locale };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await send(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (response.headers.has("ratelimit")) quota = quotaOf(response.headers);
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
  return response;
}

async function send(path, init) {
  try {
    return await fetch(path, { ...init, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new Problem(0);
  }
}

// "second";r=99;t=1, "day";r=999;t=43200 and the policy "second";q=100;w=1, … (draft-ietf-httpapi-ratelimit-headers)
function quotaOf(headers) {
  const windows = {};
  const read = (header, letter, name) => {
    for (const [, window, number] of (headers.get(header) ?? "").matchAll(new RegExp(`"(\\w+)"[^,]*?;${letter}=(\\d+)`, "g"))) {
      windows[window] = { ...windows[window], [name]: Number(number) };
    }
  };
  read("ratelimit", "r", "left");
  read("ratelimit-policy", "q", "limit");
  return windows;
}
