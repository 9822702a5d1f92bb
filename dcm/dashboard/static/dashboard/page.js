// What every page does: live refresh, the banner, keyboard, theme, times, tree levels.

import { Live, numberOf } from "./socket.js";

const LEAST_MS = 900; // between two refreshes
const SOON_MS = 120; // events come in groups
const ANYWAY_MS = 30000;
const AGAIN_MS = 3000; // after a refresh that failed
const { epoch, after, shown, token } = document.body.dataset;
const main = document.getElementById("main");
const connection = document.getElementById("connection");
const lost = document.getElementById("lost");

export const live = new Live({ epoch, after, token });

// On a phone the names of the pages scroll: the one that is open is in sight.
document.querySelector(".top nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// --- refresh --------------------------------------------------------------------------------------

let refreshedAt = 0;
let timer = null;
const stale = new Set();

function refreshSoon(element) {
  stale.add(element);
  timer ??= setTimeout(refresh, Math.max(SOON_MS, refreshedAt + LEAST_MS - Date.now()));
}

function refresh() {
  timer = null;
  if (document.hidden) return; // when somebody looks again
  refreshedAt = Date.now();
  for (const element of stale) if (element.isConnected) htmx.trigger(element, "refresh");
  stale.clear();
}

function concerns(frame) {
  const kinds = main.dataset.live.split(" ");
  if (!kinds.includes(frame.event.split(".")[0])) return false;
  const { about } = main.dataset;
  return !about || Object.values(frame.data ?? {}).some((value) => value === about);
}

function levelsOf(frame) {
  const ids = Object.values(frame.data ?? {});
  return [...document.querySelectorAll("[data-lazy][data-of]")].filter(
    (level) => level.childElementCount && ids.includes(level.dataset.of),
  );
}

function refreshAll() {
  refreshSoon(main);
  for (const level of document.querySelectorAll("[data-lazy]")) {
    if (level.childElementCount) refreshSoon(level);
  }
}

live.addEventListener("event", ({ detail }) => {
  if (numberOf(detail) <= Number(shown)) return; // the page was made after it
  if (main.dataset.live && concerns(detail)) refreshSoon(main);
  for (const level of levelsOf(detail)) refreshSoon(level);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && stale.size) refreshSoon(main);
});
// Figures of the last minutes change also when nothing happens.
if (main.dataset.live) setInterval(() => refreshSoon(main), ANYWAY_MS);

// A refresh changes what is different. What people typed, opened or what scripts drew stays.
Object.assign(Idiomorph.defaults.callbacks, {
  beforeNodeMorphed(node) {
    if (!(node instanceof Element)) return true;
    if (node.matches("[data-still], [data-lazy]:not(:empty)")) return false;
    const typed = node.matches("input, textarea, select") && "defaultValue" in node;
    return !(typed && node.value !== node.defaultValue);
  },
  beforeNodeRemoved(node) {
    return !(node instanceof Element && node.matches("[data-still]"));
  },
  beforeAttributeUpdated(name, node) {
    return !(name === "open" && node.matches("details, dialog"));
  },
});

// What was sent need not be typed again.
document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (detail.successful && target.matches?.("form[data-clear]")) target.reset();
});

// --- connection -----------------------------------------------------------------------------------

let wasLost = false;
function tell(state, text) {
  connection.textContent = text;
  connection.dataset.state = state;
}
live.addEventListener("open", () => {
  tell("open", "live");
  lost.hidden = true;
  if (wasLost) refreshAll(); // the server may have changed, and times have
  wasLost = false;
});
live.addEventListener("lost", () => {
  tell("lost", "offline");
  lost.textContent = "Connection lost. Trying again; what happens meanwhile will be shown.";
  lost.hidden = false;
  wasLost = true;
});
live.addEventListener("gap", () => {
  if (wasLost) refreshAll();
});
// What fails says so. A refresh keeps what was shown, and is tried again.
function fail({ detail }) {
  if (detail.elt !== main) {
    detail.target.textContent = "The server could not do that. Please try again.";
    return;
  }
  if (lost.hidden) lost.textContent = "The server cannot answer at the moment. Trying again.";
  lost.hidden = false;
  setTimeout(() => refreshSoon(main), AGAIN_MS);
}
document.addEventListener("htmx:responseError", fail);
document.addEventListener("htmx:sendError", fail);
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target === main && !wasLost) lost.hidden = true;
});

// --- times ----------------------------------------------------------------------------------------

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
export function ago(moment) {
  const seconds = Math.round((Date.now() - moment) / 1000);
  if (seconds < 5) return seconds > -5 ? "just now" : `in ${largest(-seconds)}`;
  return `${largest(seconds)} ago`;
}
function largest(seconds) {
  const [size, name] = UNITS.find(([each]) => seconds >= each);
  return `${Math.floor(seconds / size)} ${name}`;
}
setInterval(() => {
  for (const time of document.querySelectorAll("main time[datetime]:not([data-exact])")) {
    const text = ago(new Date(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}, 5000);

// --- tree levels ----------------------------------------------------------------------------------

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.open) return;
    const level = target.querySelector(":scope > [data-lazy]");
    if (level && !level.childElementCount) htmx.trigger(level, "refresh");
  },
  true,
);

// --- theme and keyboard ---------------------------------------------------------------------------

const THEMES = ["system", "light", "dark"];
function nextTheme() {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "system") + 1) % THEMES.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // It holds for this page then.
  }
  document.dispatchEvent(new Event("theme"));
}
const help = document.getElementById("help");
document.getElementById("theme").addEventListener("click", nextTheme);
document.getElementById("help-button").addEventListener("click", () => help.showModal());

let going = 0;
document.addEventListener("keydown", (pressed) => {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || help.open) return;
  if (pressed.target.closest?.("input, textarea, select")) {
    if (pressed.key === "Escape") pressed.target.blur();
    return;
  }
  const act = shortcut(pressed.key);
  if (act) {
    pressed.preventDefault();
    act();
  }
});
function shortcut(key) {
  const went = Date.now() - going < 1500;
  going = key === "g" ? Date.now() : 0;
  const link = went && [...document.querySelectorAll("nav [data-key]")].find((a) => a.dataset.key === key);
  if (link) return () => link.click();
  return {
    "/": () => document.getElementById("find").focus(),
    "?": () => help.showModal(),
    t: nextTheme,
    p: () => document.getElementById("pause")?.click(),
    f: () => document.getElementById("filter")?.focus(),
  }[key];
}

// When the scripts that listen have run, however late they come.
if (epoch) document.addEventListener("DOMContentLoaded", () => live.open());
else connection.hidden = true;
