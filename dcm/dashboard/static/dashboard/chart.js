// Actions per minute. They are read once, and go on by counting events; every few minutes read anew.

import { live } from "./page.js";
import { numberOf } from "./socket.js";

const AGAIN_MS = 5 * 60 * 1000;
const FAILED_MS = 3000; // after a read that failed
const HEIGHT = 160;
const box = document.getElementById("chart");
const text = document.getElementById("chart-text");
let data = null;
let plot = null;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function resolved(name) {
  // A canvas knows no light-dark(): an element does.
  const probe = document.createElement("span");
  probe.className = `probe-${name}`;
  box.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found || colour(`--${name}`);
}

function axis(side) {
  return { stroke: resolved("quiet"), grid: { stroke: resolved("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui", ...side };
}

function draw() {
  if (!data) return;
  plot?.destroy();
  const options = {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] } },
    axes: [axis({ size: 26, space: 70, values: "{HH}:{mm}" }), axis({ size: 38, space: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] })],
    series: [
      {},
      { stroke: resolved("accent"), width: 1.5, fill: resolved("accent-soft"), points: { show: false } },
      { stroke: resolved("bad"), width: 1.5, points: { show: false } },
    ],
    hooks: { setCursor: [({ cursor }) => describe(cursor.idx)] },
  };
  plot = new uPlot(options, data, box);
}

function describe(index) {
  if (index === null || index === undefined) {
    const sum = (column) => column.reduce((total, each) => total + each, 0);
    const [actions, failed] = [sum(data[1]), sum(data[2])];
    text.textContent = actions
      ? `${actions.toLocaleString("en")} actions in 24 hours, ${failed.toLocaleString("en")} failed; at most ${Math.max(...data[1])} in a minute.`
      : "No action in the last 24 hours.";
    return;
  }
  const at = new Date(1000 * data[0][index]).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  text.textContent = `${at}: ${data[1][index]} actions, ${data[2][index]} failed`;
}

let next = null;
async function read() {
  const found = await fetched();
  clearTimeout(next);
  next = setTimeout(read, found ? AGAIN_MS : FAILED_MS);
  if (!found) return; // the banner says that the server is away
  data = [found.minutes, found.actions, found.failed];
  if (plot) plot.setData(data);
  else draw();
  describe(null);
}

async function fetched() {
  try {
    const reply = await fetch(box.dataset.source, { headers: { Accept: "application/json" } });
    return reply.ok ? await reply.json() : null;
  } catch {
    return null;
  }
}

function upToNow() {
  const minute = 60 * Math.floor(Date.now() / 60000);
  while (data[0].at(-1) < minute) {
    data[0].push(data[0].at(-1) + 60);
    data[1].push(0);
    data[2].push(0);
    for (const column of data) column.shift();
  }
}

let painting = null;
live.addEventListener("event", ({ detail }) => {
  if (!data || detail.event !== "action.created") return;
  if (numberOf(detail) <= Number(document.body.dataset.shown)) return;
  upToNow();
  data[1][data[1].length - 1] += 1;
  if (detail.data?.exit_code) data[2][data[2].length - 1] += 1;
  painting ??= setTimeout(() => {
    painting = null;
    plot?.setData(data);
    describe(plot?.cursor.idx);
  }, 500);
});
live.addEventListener("open", read);
new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
document.addEventListener("theme", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
