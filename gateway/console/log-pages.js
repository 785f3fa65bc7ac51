/**
 * The lines of a log by number, as far as they are near: pages of 500 that are asked for when they
 * are looked at, and lines as they come. So many pages are kept and no more, however long the log.
 */

import { patiently } from "./gateway.js";

const PAGE = 500;
const MOST_PAGES = 40;
const MOST_CHARACTERS = 2000;
const GAP = Object.freeze({ gone: true });

export class LogPages extends EventTarget {
  #task;
  #signal;
  #pages = new Map();
  #asked = new Set();

  /** The number of the last line that is known of. */
  last = 0;

  constructor(task, signal) {
    super();
    this.#task = task;
    this.#signal = signal;
  }

  /** A line if it is here, else undefined; its page is then asked for. */
  line(number) {
    if (number < 1 || number > this.last) return undefined;
    const key = Math.floor((number - 1) / PAGE);
    const found = this.#page(key)?.[(number - 1) % PAGE];
    if (found === undefined) this.#load(key);
    return found;
  }

  /** Takes a line as it came from the gateway. */
  put(line) {
    const page = this.#page(Math.floor((line.number - 1) / PAGE), true);
    const at = (line.number - 1) % PAGE;
    page[at] = shortened(line, line.part > 1 ? page[at] : undefined);
    this.last = Math.max(this.last, line.number);
  }

  /** Takes note of lines that are no longer kept, as far as their pages are here. */
  putGap(first, last) {
    this.last = Math.max(this.last, last);
    for (const [key, page] of this.#pages) {
      const from = Math.max(first, key * PAGE + 1);
      for (let number = from; number <= Math.min(last, (key + 1) * PAGE); number += 1) {
        page[(number - 1) % PAGE] ??= GAP;
      }
    }
  }

  /** How many lines are kept here. */
  get size() {
    return this.#pages.size * PAGE;
  }

  #page(key, make = false) {
    let page = this.#pages.get(key);
    if (!page && !make) return undefined;
    page ??= new Array(PAGE);
    // What was looked at last is let go of last.
    this.#pages.delete(key);
    this.#pages.set(key, page);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= MOST_PAGES) break;
      this.#pages.delete(oldest);
    }
    return page;
  }

  async #load(key) {
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    try {
      await this.#loaded(key);
    } catch (error) {
      if (!this.#signal.aborted) this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
    } finally {
      this.#asked.delete(key);
    }
    if (!this.#signal.aborted) this.dispatchEvent(new Event("loaded"));
  }

  async #loaded(key) {
    const end = (key + 1) * PAGE;
    for (let next = key * PAGE + 1; next <= end; ) {
      const options = { fromLine: next, size: end - next + 1, signal: this.#signal };
      const found = await patiently((client) => client.log(this.#task, options), this.#signal);
      this.last = Math.max(this.last, found.last);
      const page = this.#page(key, true);
      for (const line of found.lines) {
        if (line.number <= end) this.put(line);
      }
      for (const { first, last } of found.gaps) this.putGap(first, Math.min(last, this.last));
      const reported = found.lines.at(-1)?.number ?? next;
      // Of a line that goes on for megabytes the beginning is enough.
      const following = Math.max(found.nextPart ? found.nextLine + 1 : found.nextLine, next + 1);
      for (let gone = next; gone < Math.min(reported, following); gone += 1) {
        if (gone <= end) page[(gone - 1) % PAGE] ??= GAP;
      }
      if (!found.lines.length && following > this.last) return;
      next = following;
    }
  }
}

/** What is kept of a line: the last state of a bar, the beginning of a long one, and how much more. */
function shortened(line, before) {
  const text = line.text.replace(/\r+$/, "");
  const states = text.split("\r");
  const shown = states.at(-1);
  const joined = before && states.length === 1 ? before.text + shown : shown;
  return {
    number: line.number,
    time: line.time,
    stream: line.stream,
    text: joined.slice(0, MOST_CHARACTERS),
    more: Math.max(0, joined.length - MOST_CHARACTERS) + (states.length === 1 ? before?.more ?? 0 : 0),
    folded: states.length - 1 + (before?.folded ?? 0),
  };
}
