// The native WebSocket, as any client uses it: it goes on after the last event that it has seen.

const PING_MS = 25000;
const SILENT_MS = 70000;
const LONGEST_WAIT_MS = 15000;
const KNOWN = 2000;
const FRESH_MS = 60000; // a page so young is not loaded again

export class Live extends EventTarget {
  // Fires `event` (detail: the frame), `open`, `lost` and `gap`: what was missed is not told again.
  constructor({ epoch, after, token }) {
    super();
    this.last = `msg_${epoch}_${after}`;
    this.token = token;
    this.waitMs = 500;
    this.known = new Set();
    window.addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const wish = new URLSearchParams({ ack: "none", last_event_id: this.last });
    if (this.token) wish.set("token", this.token);
    const socket = new WebSocket(`${scheme}//${location.host}/ws?${wish}`);
    this.socket = socket;
    this.heardAt = Date.now();
    const pings = setInterval(() => this.ping(socket), PING_MS);
    socket.onmessage = (message) => this.hear(JSON.parse(message.data));
    socket.onclose = () => {
      clearInterval(pings);
      if (this.socket !== socket) return;
      this.socket = null;
      this.dispatchEvent(new Event("lost"));
      this.timer = setTimeout(() => this.open(), this.waitMs * (0.75 + Math.random() / 2));
      this.waitMs = Math.min(2 * this.waitMs, LONGEST_WAIT_MS);
    };
  }

  retry() {
    if (this.socket || !this.timer) return;
    clearTimeout(this.timer);
    this.open();
  }

  ping(socket) {
    // A network that went away without a word closes no socket.
    if (Date.now() - this.heardAt > SILENT_MS) socket.close();
    else if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
  }

  hear(frame) {
    this.heardAt = Date.now();
    if (frame.type === "connected") {
      this.waitMs = 500;
      if (frame.recovered === false) this.dispatchEvent(new CustomEvent("gap", { detail: frame }));
      this.dispatchEvent(new Event("open"));
    } else if (frame.type === "error" && frame.code === "4001" && performance.now() > FRESH_MS) {
      location.reload(); // the page's token has ended: a new page has a new one
    } else if (frame.type === "event") {
      this.tell(frame);
    }
  }

  tell(frame) {
    // One event comes once for each of its channels.
    if (this.known.has(frame.id)) return;
    this.known.add(frame.id);
    if (this.known.size > KNOWN) this.known.delete(this.known.values().next().value);
    if (frame.id.startsWith("msg_") && frame.id.split("_").length === 3) this.last = frame.id;
    this.dispatchEvent(new CustomEvent("event", { detail: frame }));
  }
}

export function numberOf(frame) {
  const number = Number(frame.id.split("_")[2]);
  return Number.isFinite(number) ? number : Infinity;
}
