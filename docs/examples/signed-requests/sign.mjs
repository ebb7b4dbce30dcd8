// The Authorization header of a signed request, with Node's own modules.
//   TUILA_CLIENT=… TUILA_SECRET=… node sign.mjs METHOD TARGET [TIMESTAMP NONCE] < BODY
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

/** Percent escapes decoded, then everything but A-Z a-z 0-9 - . _ ~ encoded. */
function canonical(text) {
  const bytes = Buffer.from(text.replace(/%([0-9a-f]{2})|[^]/giu, (all, hex) => hex ?? Buffer.from(all).toString("hex")), "hex");
  return [...bytes]
    .map((byte) => (/[A-Za-z0-9._~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : "%" + byte.toString(16).toUpperCase().padStart(2, "0")))
    .join("");
}

/** Canonical text is ASCII, so comparing characters is comparing bytes. */
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export function authorization(client, secret, method, target, body, timestamp, nonce) {
  const [path, query] = [target.split("?", 1)[0], target.includes("?") ? target.slice(target.indexOf("?") + 1) : ""];
  const canonicalPath = path.split("/").map(canonical).join("/") || "/";
  const canonicalQuery = query
    .split("&")
    .filter((part) => part)
    .map((part) => {
      const end = part.includes("=") ? part.indexOf("=") : part.length;
      return [part.slice(0, end), part.slice(end + 1)].map((text) => canonical(text.replaceAll("+", "%20")));
    })
    .sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]))
    .map((pair) => pair.join("="))
    .join("&");
  const digest = createHash("sha256").update(body).digest("hex");
  const lines = [method, canonicalPath, canonicalQuery, timestamp, nonce, digest].join("\n");
  const key = createHmac("sha256", secret).update("tuila.signing-key.v1").digest();
  const signature = createHmac("sha256", key).update(lines).digest("hex");
  return `Tuila-HMAC-SHA256 client=${client}, timestamp=${timestamp}, nonce=${nonce}, signature=${signature}`;
}

const [method, target, timestamp = String(Math.floor(Date.now() / 1000)), nonce = randomBytes(16).toString("hex")] = process.argv.slice(2);
const { TUILA_CLIENT, TUILA_SECRET } = process.env;
console.log(authorization(TUILA_CLIENT, TUILA_SECRET, method, target, readFileSync(0), timestamp, nonce));
