// The live list: a client of the native WebSocket like any other.
"use strict";

const MOST_EVENTS = 200;
const PING_MS = 25000;
const LONGEST_WAIT_MS = 15000;

const list = document.getElementById("events");
const status = document.getElementById("connection");
const pause = document.getElementById("pause");
const filter = document.getElementById("filter");
const count = document.getElementById("action-count");
const seen = new Set();
let waitMs = 500;

function tell(text, state) {
  status.textContent = text;
  status.className = state;
}

function matches(item) {
  return item.textContent.toLowerCase().includes(filter.value.trim().toLowerCase());
}

function cell(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function show(frame) {
  if (seen.has(frame.id)) return;
  seen.add(frame.id);
  if (frame.event === "action.created") count.textContent = Number(count.textContent) + 1;
  if (pause.getAttribute("aria-pressed") === "true") return;
  const item = document.createElement("li");
  const time = cell("time", "", new Date(frame.timestamp).toLocaleTimeString());
  time.dateTime = new Date(frame.timestamp).toISOString();
  const facts = Object.entries(frame.data).filter(([, value]) => value !== null);
  item.append(time, cell("strong", "", frame.event));
  item.append(cell("span", "data", facts.map(([key, value]) => `${key}=${value}`).join("  ")));
  item.hidden = !matches(item);
  list.prepend(item);
  while (list.children.length > MOST_EVENTS) list.lastChild.remove();
  if (seen.size > 10 * MOST_EVENTS) seen.delete(seen.values().next().value);
}

function open() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/ws?ack=none`);
  const pings = setInterval(() => {
    if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
  }, PING_MS);
  socket.onopen = () => {
    waitMs = 500;
    tell("live", "open");
  };
  socket.onmessage = (message) => {
    const frame = JSON.parse(message.data);
    if (frame.type === "event") show(frame);
  };
  socket.onclose = () => {
    clearInterval(pings);
    tell("connection lost, trying again…", "lost");
    setTimeout(open, waitMs);
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
  };
}

pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", paused);
  pause.textContent = paused ? "Go on" : "Pause";
});
filter.addEventListener("input", () => {
  for (const item of list.children) item.hidden = !matches(item);
});
open();
