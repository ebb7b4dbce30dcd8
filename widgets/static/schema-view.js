// JSON Schemas in words and tables.

import { make } from "./look.js";

/** The schema that a `$ref` names, or the schema itself. */
export function resolve(schema, document) {
  const name = schema?.$ref?.split("/").pop();
  return name ? { title: name, ...document.components.schemas[name] } : (schema ?? {});
}

/** The name of a schema's type: string, integer, Order, list of Order, "a" | "b", string or null. */
export function typeName(schema, texts) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => typeName(choice, texts)).join(texts.or);
  if (schema.type === "array") return texts.listOf(typeName(schema.items ?? {}, texts));
  if (schema.type === "object" && schema.additionalProperties) return texts.mapOf(typeName(schema.additionalProperties, texts));
  if (schema.format) return `${schema.type} (${schema.format})`;
  return schema.type ?? texts.anything;
}

const BOUNDS = { minimum: "≥ ", maximum: "≤ ", minLength: "≥ ", maxLength: "≤ ", minItems: "≥ ", maxItems: "≤ " };

/** The bounds on a value, as short words. */
export function limits(schema, texts) {
  const parts = [schema, ...(schema.anyOf ?? [])];
  const found = parts.flatMap((part) =>
    Object.entries(BOUNDS).filter(([name]) => part[name] !== undefined).map(([name, sign]) => {
      const unit = name.endsWith("Length") ? texts.characters : name.endsWith("Items") ? texts.items : "";
      return `${sign}${part[name]}${unit}`;
    }));
  const pattern = parts.find((part) => part.pattern)?.pattern;
  if (pattern) found.push(pattern);
  if (schema.default !== undefined && schema.default !== null) found.push(texts.byDefault(JSON.stringify(schema.default)));
  return found;
}

/**
 * A table of an object's fields, with the objects inside it below; null for what has no fields.
 *
 * `required` is the word beside fields that must be given; empty where nobody gives them.
 */
export function fieldTable(schema, document, texts, caption, required = "") {
  const tables = [];
  const seen = new Set();
  const waiting = [{ schema: resolve(schema, document), caption }];
  while (waiting.length > 0) {
    const next = waiting.shift();
    if (!next.schema.properties || seen.has(next.caption)) continue;
    seen.add(next.caption);
    tables.push(table(next.schema, texts, next.caption, required));
    for (const name of referred(next.schema.properties)) waiting.push({ schema: document.components.schemas[name], caption: name });
  }
  return tables.length > 0 ? make("div", { class: "tables" }, ...tables) : null;
}

/** A table of rows `[name, required, schema, description]`. */
export function rowsTable(rows, texts, caption) {
  const head = make("thead", {}, make("tr", {}, ...[texts.name, texts.type, texts.meaning].map((words) => make("th", { scope: "col" }, words))));
  const body = rows.map(([name, required, schema, description]) =>
    make("tr", {},
      make("th", { scope: "row" }, make("code", {}, name), required ? make("span", { class: "required" }, texts.required) : null),
      make("td", {}, make("code", {}, typeName(schema, texts))),
      make("td", {}, description ?? "", ...limits(schema, texts).map((words) => make("code", { class: "limit" }, words)))));
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    make("table", {}, make("caption", {}, caption), head, make("tbody", {}, ...body)));
}

function table(schema, texts, caption, word) {
  const required = new Set(word ? schema.required : []);
  const rows = Object.entries(schema.properties).map(([name, field]) => [name, required.has(name), field, field.description]);
  return rowsTable(rows, texts, caption);
}

function referred(part) {
  if (Array.isArray(part)) return part.flatMap(referred);
  if (part === null || typeof part !== "object") return [];
  const own = typeof part.$ref === "string" ? [part.$ref.split("/").pop()] : [];
  return [...own, ...Object.values(part).flatMap(referred)];
}

/** A value that fits a schema, to begin an example from. */
export function sample(schema, document, depth = 0) {
  const known = resolve(schema, document);
  if (known.examples?.length) return known.examples[0];
  if (known.default !== undefined) return known.default;
  if (known.enum) return known.enum[0];
  const choices = known.anyOf ?? known.oneOf;
  if (choices) return sample(choices.find((choice) => choice.type !== "null") ?? {}, document, depth);
  if (depth > 4) return null;
  if (known.type === "array") return [sample(known.items ?? {}, document, depth + 1)];
  if (known.properties) {
    return Object.fromEntries(Object.entries(known.properties).map(([name, field]) => [name, sample(field, document, depth + 1)]));
  }
  const plain = { string: known.format === "date-time" ? "2026-01-01T00:00:00Z" : "…", integer: known.minimum ?? 0, number: 0, boolean: false, object: {} };
  return plain[known.type] ?? null;
}
