// The list of what just happened, newest first.

import { live } from "./page.js";

const MOST_EVENTS = 300;
const LONGEST = 160;
const list = document.getElementById("events");
const empty = document.getElementById("no-events");
const count = document.getElementById("tail-count");
const pause = document.getElementById("pause");
const filter = document.getElementById("filter");
const held = [];
const fresh = [];
let painting = false;

// Control characters, and marks that turn the direction of what follows, as on the server.
const OBEYED = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
function plain(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  const short = text.slice(0, LONGEST).replace(OBEYED, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return short + (text.length > LONGEST ? "…" : "");
}

function cell(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

const HIDDEN = new Set(["id", "by", "client_id", "tool_type", "publisher", "created_at", "expires_at"]);
function facts(data) {
  if (data === null || typeof data !== "object") return plain(data);
  return Object.entries(data)
    .filter(([key, value]) => value !== null && value !== "" && !HIDDEN.has(key))
    .map(([key, value]) => `${plain(key)} ${plain(value)}`)
    .join(" · ");
}

function tone({ event, data }) {
  if (/failed|error/.test(event) || (event === "action.created" && data?.exit_code)) return "failed";
  if (/blocked$|paused/.test(event) && !/unblocked/.test(event)) return "blocked";
  if (/completed|answered|unblocked/.test(event)) return "completed";
  return "";
}
const SIGNS = { failed: "✕", blocked: "⊘", completed: "✓", "": "·" };

function seconds(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function sentence({ event, data }) {
  const d = data ?? {};
  if (event === "action.created") {
    const took = d.duration_ms === null || d.duration_ms === undefined ? "" : ` in ${seconds(d.duration_ms)}`;
    return `${plain(d.tool_name)}${d.exit_code ? ` failed with ${d.exit_code}` : ""}${took}`;
  }
  if (event.startsWith("subtask.")) return `${plain(d.agent_id ?? d.agent_type ?? "a subtask")} is ${plain(d.status)}`;
  if (event.startsWith("task.")) return `wave ${plain(d.wave_number)} is ${plain(d.status)}`;
  if (event === "message.new") return `${plain(d.from ?? "system")} to ${plain(d.to ?? "everybody")}: ${plain(d.topic)}`;
  if (event === "message.read") return `${plain(d.read_by)} has read what ${plain(d.from ?? "system")} wrote`;
  if (event === "agent.blocked") return `${plain(d.blocked_agent)} waits for ${plain(d.blocked_by)}${d.reason ? `: ${plain(d.reason)}` : ""}`;
  if (event === "agent.unblocked") return `${plain(d.blocked_agent)} may go on`;
  if (event.startsWith("agent.") && d.agent_id) return plain(d.agent_id);
  if (event.startsWith("session.")) return `session ${plain(d.session_id ?? d.id)}`;
  if (event === "lease.taken") return `${plain(d.agent_id)} holds ${d.is_implicit ? "a file that it edits" : "paths"}${d.is_shared ? ", shared" : ""}`;
  if (event.startsWith("lease.")) return `${plain(d.agent_id)} holds ${d.is_implicit ? "a file" : "paths"} no longer`;
  if (event === "rows.imported") return `${plain(d.count)} ${plain(d.rows)} came from the original service`;
  return facts(d);
}

function row(frame) {
  const item = document.createElement("li");
  const at = new Date(frame.timestamp);
  const state = tone(frame);
  item.dataset.id = frame.id;
  if (state) item.className = state;
  const time = cell("time", "", at.toLocaleTimeString([], { hour12: false }));
  time.dateTime = at.toISOString();
  time.title = at.toISOString().replace("T", " ").replace("Z", " UTC");
  time.dataset.exact = "";
  const kind = cell("b", `status ${state}`, "");
  const sign = cell("i", "", SIGNS[state]);
  sign.setAttribute("aria-hidden", "true");
  kind.append(sign, plain(frame.event));
  const text = cell("bdi", "text", sentence(frame));
  const session = frame.data?.session_id ?? (frame.event.startsWith("session.") ? frame.data?.id : null);
  item.append(time, kind, text);
  if (typeof session === "string" && session) {
    const link = cell("a", "session", plain(session).slice(0, 24));
    link.href = `/sessions/one?id=${encodeURIComponent(session)}`;
    item.append(link);
  }
  item.dataset.words = `${item.textContent} ${facts(frame.data)}`.toLowerCase();
  item.hidden = !matches(item);
  return item;
}

function matches(item) {
  const wanted = filter.value.trim().toLowerCase();
  return wanted.split(/\s+/).every((word) => item.dataset.words.includes(word));
}

function paint() {
  painting = false;
  const top = list.scrollTop;
  const height = list.scrollHeight;
  list.prepend(...fresh.splice(0).reverse().map(row));
  while (list.children.length > MOST_EVENTS) list.lastChild.remove();
  if (top > 0) list.scrollTop = top + list.scrollHeight - height; // who reads further down stays there
  tellCount();
}

function tellCount() {
  const visible = list.querySelectorAll("li:not([hidden])").length;
  const all = list.children.length;
  empty.hidden = all > 0;
  list.hidden = all === 0;
  const text = visible === all ? `${all} events` : `${visible} of ${all} events`;
  count.textContent = held.length ? `${text}, ${held.length} waiting` : text;
}

function show(frame) {
  fresh.push(frame);
  if (fresh.length > MOST_EVENTS) fresh.shift();
  if (!painting) requestAnimationFrame(paint);
  painting = true;
}

live.addEventListener("event", ({ detail }) => {
  if (detail.data?.agent_id === "dashboard" && /^agent\.(dis)?connected$/.test(detail.event)) return;
  if (pause.getAttribute("aria-pressed") !== "true") return show(detail);
  held.push(detail);
  if (held.length > MOST_EVENTS) held.shift();
  tellCount();
});
live.addEventListener("gap", ({ detail }) => {
  const item = cell("li", "gap", `Some events were missed here (${plain(detail.reason)}).`);
  item.dataset.words = "missed";
  if (list.children.length) list.prepend(item);
});
pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", paused);
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused) held.splice(0).forEach(show);
  tellCount();
});
filter.addEventListener("input", () => {
  for (const item of list.children) item.hidden = !matches(item);
  tellCount();
});
tellCount();
