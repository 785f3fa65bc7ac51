/**
 * A log of any length: only the lines that are seen are elements, placed by their number.
 *
 * Up to MOST_PIXELS the scrollbar is exact. Beyond, a browser could not be that tall: small moves
 * count in pixels all the same, large ones by their share, and when it rests the bar is set right.
 */

import * as address from "./address.js";
import { painted, plain } from "./ansi.js";
import { button, download, el, select } from "./dom.js";
import { calls, telling, tried } from "./gateway.js";
import { LogPages } from "./log-pages.js";
import { texts } from "./texts.js";

const ROW = 20;
const MOST_PIXELS = 8_000_000;
const REST_MS = 150;
const MOST_SKIPPED = 3000;
const MOST_STATES = 2000;

export class LogView extends HTMLElement {
  #task = "";
  #signal;
  #pages;
  #top = 1;
  #line = 0;
  #partial = null;
  #match = 0;
  #mark = "";
  #finding = null;
  #known = 0;
  #resting = 0;
  #drawing = false;
  #ended = false;
  #shown = new Map();
  #lines = el("div", { className: "lines" });
  #rows = el("div", { className: "rows" }, this.#lines);
  #space = el("div", { className: "space" }, this.#rows);
  #port = el("div", {
    className: "port", tabIndex: 0, attributes: { role: "region", "aria-label": texts.log },
  }, this.#space);
  #none = el("p", { className: "soft none" }, texts.loading);
  #follow = el("input", { type: "checkbox", checked: true, id: "follow" });
  #times = el("input", { type: "checkbox", checked: localStorage.getItem("times") === "1" });
  #streams = select(
    [["", texts.bothStreams], ["out", texts.onlyOut], ["err", texts.onlyErr]], "",
    { ariaLabel: texts.streams },
  );
  #text = el("input", { type: "search", ariaLabel: texts.searchLog, placeholder: texts.searchLog });
  #anyCase = el("input", { type: "checkbox", checked: true });
  #found = el("span", { className: "soft found", attributes: { role: "status" } });

  /** Begins to show a task's log, at a line or at its end. */
  open(task, line, signal) {
    this.#task = task;
    this.#signal = signal;
    this.#pages = new LogPages(task, signal);
    this.#pages.addEventListener("loaded", () => this.#draw());
    this.#pages.addEventListener("trouble", (event) => telling(event.detail));
    this.append(this.#bar(), this.#none, this.#port);
    this.#port.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#port.addEventListener("keydown", (event) => this.#key(event));
    const sized = new ResizeObserver(() => this.#draw());
    sized.observe(this.#port);
    signal.addEventListener("abort", () => sized.disconnect());
    this.#line = line;
    this.#follow.checked = !line;
    this.#draw();
  }

  /** How many lines are known of. */
  get last() {
    return this.#pages.last;
  }

  set last(last) {
    this.#pages.last = Math.max(this.#pages.last, last);
    if (this.#line && !this.#follow.checked) this.show(this.#line);
    this.#draw();
  }

  /** Takes what came of the task. */
  take(batch) {
    for (const news of batch) {
      if (news.type === "line") {
        this.#pages.put(news);
        this.#partial = null;
      } else if (news.type === "gap") this.#pages.putGap(news.first, news.last);
      else if (news.type === "partial") this.#partial = news;
      else if (news.type === "end") {
        this.#partial = null;
        this.#ended = true;
      }
    }
    this.#draw();
  }

  /** Shows a line and marks it; what comes is not followed from then on. */
  show(line) {
    this.#line = line;
    this.#follow.checked = false;
    this.#top = line - Math.floor(this.#height / ROW / 3);
    this.#draw();
  }

  get #height() {
    return this.#port.clientHeight || 400;
  }

  /** How many rows there are: the lines, and the one that still grows. */
  get #total() {
    return this.#pages.last + (this.#partial ? 1 : 0);
  }

  get #highest() {
    return Math.max(1, this.#total - this.#height / ROW + 1);
  }

  #bar() {
    const search = el(
      "form",
      { className: "line", attributes: { role: "search" } },
      this.#text,
      el("label", { className: "line" }, this.#anyCase, texts.anyCase),
      button("↑", () => this.#find(true), { className: "quiet", ariaLabel: texts.previous, title: texts.previous }),
      el("button", { className: "quiet", ariaLabel: texts.next, title: texts.next }, "↓"),
      this.#found,
    );
    search.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#find(false);
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      this.#find(true);
    });
    this.#text.addEventListener("input", () => {
      this.#match = 0;
      this.#found.textContent = "";
      this.#finding?.abort();
      this.#remark();
    });
    this.#anyCase.addEventListener("change", () => this.#remark());
    this.#follow.addEventListener("change", () => this.#draw());
    this.#streams.addEventListener("change", () => this.#draw());
    this.#times.addEventListener("change", () => {
      localStorage.setItem("times", this.#times.checked ? "1" : "");
      this.#port.classList.toggle("timed", this.#times.checked);
    });
    this.#port.classList.toggle("timed", this.#times.checked);
    return el(
      "div",
      { className: "line bar" },
      el("label", { className: "line" }, this.#follow, texts.follow),
      el("label", { className: "line" }, this.#times, texts.times),
      this.#streams,
      search,
      el(
        "span",
        { className: "line" },
        button("⤒", () => this.#jump(1), { className: "quiet", ariaLabel: texts.topOfLog, title: texts.topOfLog }),
        button("⤓", () => this.#jump(Infinity), { className: "quiet", ariaLabel: texts.endOfLog, title: texts.endOfLog }),
        download(calls.outputUrl(this.#task, "stdout"), "stdout ↓"),
        download(calls.outputUrl(this.#task, "stderr"), "stderr ↓"),
      ),
    );
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") this.#text.focus();
    else if (event.key === "f") this.#follow.click();
    else if (event.key === "Home") this.#jump(1);
    else if (event.key === "End") this.#jump(Infinity);
    else return;
    event.preventDefault();
  }

  #jump(line) {
    this.#follow.checked = line === Infinity;
    this.#top = Math.min(line, this.#highest);
    this.#draw();
  }

  #scrolled() {
    const at = this.#port.scrollTop;
    const moved = at - this.#known;
    if (!moved) return;
    this.#known = at;
    const room = this.#space.clientHeight - this.#height;
    const exact = this.#total * ROW <= MOST_PIXELS;
    if (exact) this.#top = 1 + at / ROW;
    else if (Math.abs(moved) < 2 * this.#height) this.#top += moved / ROW;
    else this.#top = 1 + (at / room) * (this.#highest - 1);
    if (moved < 0) this.#follow.checked = false;
    else if (this.#top >= this.#highest - 0.5) this.#follow.checked = true;
    clearTimeout(this.#resting);
    if (!exact) this.#resting = setTimeout(() => this.#draw(), REST_MS);
    this.#paint();
  }

  #remark() {
    const text = this.#text.value;
    this.#mark = this.#anyCase.checked ? text.toLowerCase() : text;
    this.#shown.clear();
    this.#draw();
  }

  /** Looks for the text from where one is, in one direction, a bounded stretch after the other. */
  async #find(backward) {
    const text = this.#text.value;
    this.#finding?.abort();
    if (!text) return;
    const finding = (this.#finding = new AbortController());
    const here = this.#match || Math.max(1, Math.floor(this.#top));
    let fromLine = this.#match && !backward ? here + 1 : here;
    try {
      for (;;) {
        const options = {
          fromLine, backward, ignoreCase: this.#anyCase.checked, size: 1, signal: finding.signal,
        };
        const found = await tried((client) => client.search(this.#task, text, options));
        if (finding.signal.aborted) return;
        if (found.lines.length) {
          this.#match = found.lines[0].number;
          this.#found.textContent = texts.matchAt(this.#match);
          this.show(this.#match);
          return;
        }
        if (!found.more) {
          this.#found.textContent = texts.noMatch;
          return;
        }
        fromLine = found.nextLine;
        this.#found.textContent = texts.searching(fromLine);
      }
    } catch (error) {
      if (!finding.signal.aborted) this.#found.textContent = error.message;
    }
  }

  /** Sets the height and the bar right, and paints, once before the next frame. */
  #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      const total = this.#total;
      this.#none.hidden = total > 0;
      this.#none.textContent = this.#ended ? texts.nothingSaid : texts.noOutput;
      this.#port.hidden = !total;
      const height = Math.max(this.#height, Math.min(total * ROW, MOST_PIXELS));
      this.#space.style.height = `${height}px`;
      this.#rows.style.height = `${this.#height}px`;
      if (this.#follow.checked) this.#top = this.#highest;
      this.#paint();
      const room = height - this.#height;
      const exact = total * ROW <= MOST_PIXELS;
      const share = (this.#top - 1) / Math.max(1, this.#highest - 1);
      this.#port.scrollTop = exact ? (this.#top - 1) * ROW : share * room;
      this.#known = this.#port.scrollTop;
    });
  }

  /** Puts the rows in place: those that stay are not touched, so that a selection stays. */
  #paint() {
    this.#top = Math.min(Math.max(1, this.#top), this.#highest);
    const filtered = this.#streams.value;
    const numbers = filtered ? this.#filtered(filtered) : this.#straight();
    const nodes = numbers.map((number) => this.#row(number));
    for (const number of [...this.#shown.keys()]) {
      if (!numbers.includes(number)) this.#shown.delete(number);
    }
    let at = this.#lines.firstChild;
    for (const node of nodes) {
      if (node === at) at = at.nextSibling;
      else this.#lines.insertBefore(node, at);
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
    const shift = filtered ? 0 : (this.#top - Math.floor(this.#top)) * ROW;
    this.#lines.style.transform = `translateY(${-shift}px)`;
  }

  #straight() {
    const first = Math.floor(this.#top);
    const count = Math.ceil(this.#height / ROW) + 1;
    return Array.from({ length: Math.max(0, Math.min(count, this.#total - first + 1)) },
      (_, index) => first + index);
  }

  /** The lines of one stream: from the top on, or the last ones while it is followed. */
  #filtered(stream) {
    const back = this.#follow.checked;
    const count = Math.floor(this.#height / ROW);
    const numbers = [];
    let number = back ? this.#total : Math.floor(this.#top);
    for (let looked = 0; looked < MOST_SKIPPED && numbers.length < count; looked += 1) {
      if (number < 1 || number > this.#total) break;
      const line = this.#at(number);
      if (!line || line.gone || line.stream === stream) numbers.push(number);
      if (!line) break;
      number += back ? -1 : 1;
    }
    return back ? numbers.reverse() : numbers;
  }

  #at(number) {
    if (this.#partial && number > this.#pages.last) return this.#partial;
    return this.#pages.line(number);
  }

  #row(number) {
    const line = this.#at(number);
    const current = number === this.#line;
    const before = this.#shown.get(number);
    if (before && before.line === line && before.current === current) return before.node;
    const node = this.#made(number, line);
    node.classList.toggle("current", current);
    this.#shown.set(number, { line, current, node });
    return node;
  }

  #made(number, line) {
    const words = Object.fromEntries(new URLSearchParams(location.search));
    const href = address.link({ ...words, task: this.#task }, number);
    const anchor = el("a", { className: "no", href, tabIndex: -1 }, String(number));
    if (!line) return el("div", { className: "row" }, anchor, el("span", { className: "soft" }, texts.pending));
    if (line.gone) return el("div", { className: "row" }, anchor, el("span", { className: "soft" }, texts.gone));
    const time = line.time ? new Date(line.time) : null;
    const growing = line === this.#partial;
    return el(
      "div",
      { className: `row ${line.stream}${growing ? " growing" : ""}`, data: { line: number } },
      anchor,
      el("time", time ? { dateTime: time.toISOString() } : {},
        time ? `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, "0")}` : ""),
      el("span", { className: "text" }, painted(line.text, this.#mark, this.#anyCase.checked)),
      this.#more(number, line.folded, line.folded && texts.folded(line.folded), "↻"),
      this.#more(number, line.more, line.more && texts.cut(line.more), "…"),
    );
  }

  #more(number, count, title, sign) {
    if (!count) return null;
    return button(`${sign}${count}`, () => this.#whole(number), {
      className: "more", title, ariaLabel: title, tabIndex: -1,
    });
  }

  /** A line as it came, the states of a bar below each other. */
  async #whole(number) {
    const found = await tried((client) => client.log(this.#task, { fromLine: number, size: 1 }))
      .catch((error) => ({ lines: [], error }));
    const text = found.lines.filter((line) => line.number === number).map((line) => line.text).join("");
    const states = text.split("\r").slice(0, MOST_STATES).map(plain).join("\n");
    const dialog = el(
      "dialog",
      { className: "large", ariaLabel: texts.wholeLine(number), on: { close: () => dialog.remove() } },
      el("h2", {}, texts.wholeLine(number)),
      el("pre", { tabIndex: 0 }, found.error?.message ?? states),
      button(texts.close, () => dialog.close()),
    );
    document.body.append(dialog);
    dialog.showModal();
  }
}

customElements.define("log-view", LogView);
