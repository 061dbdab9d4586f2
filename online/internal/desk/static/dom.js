// Elements and calls. Nothing here ever reads HTML out of a string.
import { words } from "./words.js";

export function el(name, props = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key in e && key !== "list" && key !== "form") e[key] = value;
    else e.setAttribute(key, value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

// field is a control with its label.
export function field(label, control, ...more) {
  control.id ||= `f${++fields}`;
  return el("div", { className: "field" }, el("label", { htmlFor: control.id }, label), control, ...more);
}
let fields = 0;

// Refused is an answer of the server that says no.
export class Refused extends Error {
  constructor(problem) {
    super(problem.what);
    this.code = problem.code;
    this.cure = problem.cure || "";
  }
}

// call asks the server; body may be an object, bytes, or nothing.
export async function call(base, path, { body, query, kind, signal } = {}) {
  const headers = { Accept: "application/json" };
  let raw = body;
  if (body !== undefined) {
    const token = document.querySelector('meta[name="csrf"]');
    if (token) headers["X-CSRF-Token"] = token.content;
    if (kind) headers["Content-Type"] = kind;
    else {
      headers["Content-Type"] = "application/json";
      raw = JSON.stringify(body);
    }
  }
  let r;
  try {
    r = await fetch(base + path + (query ? "?" + new URLSearchParams(query) : ""), {
      method: body === undefined ? "GET" : "POST", headers, body: raw, signal, credentials: "same-origin", redirect: "error",
    });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Refused({ code: "gone", what: words.gone });
  }
  const json = (r.headers.get("Content-Type") || "").startsWith("application/json");
  if (!r.ok) throw new Refused(json ? await r.json() : { code: "internal", what: words.internal });
  return json ? r.json() : r.arrayBuffer();
}

// say tells a refusal in place of what was there.
export function say(box, error) {
  box.replaceChildren(el("p", { className: "big" }, sentence(error.message)), error.cure ? el("p", {}, sentence(error.cure)) : "",
    error.code ? el("p", { className: "dim" }, el("code", {}, error.code)) : "");
  box.hidden = false;
}

// sentence makes one of an error's line.
export function sentence(text) {
  text = String(text);
  return text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "";
}
