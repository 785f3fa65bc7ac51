/** How the parts of the gateway are, and how busy its queues. */

import { button, bytes, el, row, table } from "./dom.js";
import { done, repeatedly, session, tried } from "./gateway.js";
import { texts } from "./texts.js";

const EVERY_MS = 3000;

class HealthPage extends HTMLElement {
  #stop = new AbortController();
  #sum = el("p", { attributes: { role: "status" } });
  #parts = el("div", { className: "cards" });
  #queues = el("div");

  connectedCallback() {
    this.append(el("h1", {}, texts.health), this.#sum, this.#parts, el("h2", {}, texts.queues), this.#queues);
    repeatedly(() => this.#refresh(), EVERY_MS, this.#stop.signal);
  }

  disconnectedCallback() {
    this.#stop.abort(new Error("another page is shown"));
  }

  async #refresh() {
    const { well, parts } = await tried((client) => client.narthex("health"));
    this.#sum.textContent = well ? texts.allWell : texts.notWell;
    this.#sum.className = well ? "good" : "error";
    this.#parts.replaceChildren(
      ...parts.map((part) =>
        el("section", { className: "card" },
          el("h2", {}, texts.parts[part.name] ?? part.name),
          el("p", { className: part.well ? "good" : "error" }, part.well ? texts.well : part.message || texts.unwell),
          ...figures(part))),
    );
    const { queues } = await tried((client) => client.narthex("queues"));
    if (!this.#queues.contains(document.activeElement)) this.#draw(queues);
  }

  #draw(queues) {
    const heads = [texts.queue, texts.state, texts.runningCount, texts.queuedCount, texts.slots, texts.share, texts.ceiling, ""];
    const rows = queues.map((queue) =>
      row(
        [queue.name, " ", el("small", { className: "soft" }, queue.description)], queue.status,
        String(queue.running), String(queue.waiting), `${queue.usedSlots} / ${queue.ceilingSlots}`,
        `${queue.share} %`, `${queue.ceiling} %`,
        session.user?.admin ? this.#switch(queue) : "",
      ),
    );
    this.#queues.replaceChildren(table(texts.queues, heads, rows, ""));
  }

  #switch(queue) {
    const wanted = queue.status === "running" ? "stopped" : "running";
    return button(wanted === "stopped" ? texts.stop : texts.open, async () => {
      const path = `queues/${encodeURIComponent(queue.name)}/status`;
      await done((client) => client.narthex(path, { status: wanted }));
      document.activeElement.blur();
      await this.#refresh().catch(() => {});
    }, { className: "quiet" });
  }
}

function figures({ name, figures: known }) {
  const share = (free, total) => [
    el("p", {}, texts.free(bytes(free), bytes(total))),
    el("meter", { max: total, value: total - free, high: total * 0.9, ariaLabel: texts.parts[name] }),
  ];
  if (name === "disk" && known.total_bytes) return share(known.free_bytes, known.total_bytes);
  if (name === "memory" && known.total_bytes) return share(known.available_bytes, known.total_bytes);
  if (name === "redis" && known.answer_seconds !== undefined) {
    return [el("p", {}, texts.answered((known.answer_seconds * 1000).toFixed(1), bytes(known.used_bytes ?? 0)))];
  }
  if (name === "processors") return [el("p", {}, texts.load(known.load_of_a_minute.toFixed(1), known.count))];
  return [];
}

customElements.define("health-page", HealthPage);

