/** Warm sessions: whose they are, what they do, and their end. */

import { age, button, el, moment, row, table } from "./dom.js";
import { done, repeatedly, session, tried } from "./gateway.js";
import { texts } from "./texts.js";

const EVERY_MS = 3000;

class SessionPage extends HTMLElement {
  #stop = new AbortController();
  #all = el("input", { type: "checkbox" });
  #list = el("div");

  connectedCallback() {
    this.append(
      el("h1", {}, texts.sessions),
      el("label", { className: "line", hidden: !session.user?.admin }, this.#all, texts.everybody),
      this.#list,
    );
    this.#all.addEventListener("change", () => this.#refresh().catch(() => {}));
    repeatedly(() => this.#refresh(), EVERY_MS, this.#stop.signal);
  }

  disconnectedCallback() {
    this.#stop.abort(new Error("another page is shown"));
  }

  async #refresh() {
    const found = await tried((client) => client.sessions({ all: this.#all.checked }));
    if (this.#list.contains(document.activeElement)) return;
    const heads = [texts.session, texts.user, texts.engine, texts.state, texts.statements, texts.lastUsed, texts.age, ""];
    const rows = found.map((one) =>
      row(
        one.creator, one.user, one.engine,
        [one.state, one.task ? el("small", { className: "soft" }, ` ${one.task}`) : ""],
        String(one.statements), moment(one.lastUsedTime), age(one.createdTime),
        button(texts.endIt, async () => {
          await done((client) => client.endSession(one.id));
          document.activeElement.blur();
          await this.#refresh().catch(() => {});
        }, { className: "danger" }),
      ),
    );
    this.#list.replaceChildren(table(texts.sessions, heads, rows, texts.noSessions));
  }
}

customElements.define("session-page", SessionPage);

