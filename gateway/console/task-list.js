/**
 * The list of tasks as it changes. Its filters are in the address; what is searched for by words
 * is looked for among the newest tasks, here. A task that waits is asked for its place in the queue.
 */

import * as address from "./address.js";
import { age, badge, el, select } from "./dom.js";
import { following, repeatedly, session, tried } from "./gateway.js";
import { texts } from "./texts.js";

const EVERY_MS = 1500;
const PAGE = 50;
const SEARCHED = 500;
const WATCHED = 20;
const WAITS = new Set(["Inited", "Scheduled", "WaitForRetry"]);

class TaskList extends HTMLElement {
  #stop = new AbortController();
  #watched = new Map();
  #ahead = new Map();
  #body = el("tbody");
  #none = el("p", { className: "soft", hidden: true });
  #count = el("span", { className: "soft" });
  #older = el("a", {}, texts.older);
  #newer = el("a", {}, texts.newer);

  connectedCallback() {
    const heads = ["number", "task", "user", "engine", "state", "progress", "waiting", "age"];
    this.append(
      el("h1", { className: "unseen" }, texts.tasks),
      this.#filters(),
      el(
        "div",
        { className: "wide card" },
        el(
          "table",
          { id: "tasks" },
          el("caption", { className: "unseen" }, texts.tasks),
          el("thead", {}, el("tr", {}, heads.map((name) => el("th", { scope: "col" }, texts[name])))),
          this.#body,
        ),
        this.#none,
      ),
      el("p", { className: "line" }, this.#newer, this.#count, this.#older),
    );
    session.addEventListener("changed", this.#changed, { signal: this.#stop.signal });
    repeatedly(() => this.#refresh(), EVERY_MS, this.#stop.signal);
  }

  disconnectedCallback() {
    this.#stop.abort(new Error("another page is shown"));
    for (const stop of this.#watched.values()) stop.abort(new Error("another page is shown"));
  }

  /** The address has changed while this is shown. */
  readdressed() {
    const { query } = address.read();
    for (const control of this.querySelectorAll("form [name]")) {
      if (control.type === "checkbox") control.checked = query.get(control.name) === "1";
      else if (control !== document.activeElement) control.value = query.get(control.name) ?? "";
    }
    this.#refresh().catch(() => {});
  }

  #changed = () => {
    this.querySelector(".admin").hidden = !session.user?.admin;
  };

  #filters() {
    const { query } = address.read();
    const states = Object.entries(texts.states).filter(([word]) => word !== "Inited");
    const form = el(
      "form",
      { className: "line filters", attributes: { role: "search" } },
      el("input", {
        name: "q", type: "search", placeholder: texts.searchTasks, ariaLabel: texts.search,
        value: query.get("q") ?? "",
      }),
      select([["", texts.allStates], ...states], query.get("state") ?? "", {
        name: "state", ariaLabel: texts.filterState,
      }),
      select([["", texts.allEngines]], "", { name: "engine", ariaLabel: texts.filterEngine }),
      el(
        "span",
        { className: "line admin", hidden: !session.user?.admin },
        el("label", { className: "line" },
          el("input", { name: "all", type: "checkbox", checked: query.get("all") === "1" }),
          texts.everybody),
        el("input", {
          name: "user", placeholder: texts.filterUser, ariaLabel: texts.filterUser,
          value: query.get("user") ?? "",
        }),
      ),
    );
    tried((client) => client.engines()).then((engines) => {
      form.elements.engine.append(...engines.map((name) => el("option", {}, name)));
      form.elements.engine.value = address.read().query.get("engine") ?? "";
    }).catch(() => {});
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const words = Object.fromEntries(
        [...form.querySelectorAll("[name]")].map((control) => [
          control.name,
          control.type === "checkbox" ? (control.checked ? "1" : "") : control.value.trim(),
        ]),
      );
      address.go(address.link(words), { replace: true });
    });
    return form;
  }

  async #refresh() {
    const { query } = address.read();
    const words = (query.get("q") ?? "").toLowerCase();
    const state = query.get("state") ?? "";
    const number = Math.max(1, Number(query.get("at")) || 1);
    const user = session.user?.admin ? query.get("user") ?? "" : "";
    const asked = {
      states: state ? [state] : [],
      engine: query.get("engine") ?? "",
      all: Boolean(session.user?.admin && (query.get("all") === "1" || user)),
      user,
      page: words ? 1 : number,
      size: words ? SEARCHED : PAGE,
    };
    const found = await tried((client) => client.page(asked));
    if (this.#stop.signal.aborted || query.toString() !== address.read().query.toString()) return;
    const tasks = words ? found.tasks.filter((task) => holds(task, words)) : found.tasks;
    this.#show(tasks, words ? tasks.length : found.total, words ? 1 : number);
    this.#watch(tasks.filter((task) => WAITS.has(task.status)));
  }

  #show(tasks, total, number) {
    const focused = document.activeElement?.closest?.("tr")?.dataset.task;
    this.#body.replaceChildren(...tasks.map((task) => this.#row(task)));
    if (focused) {
      this.#body.querySelector(`[data-task="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: true });
    }
    this.#none.hidden = tasks.length > 0;
    if (!tasks.length) this.#none.replaceChildren(...nothing());
    this.#count.textContent = texts.shown(tasks.length, total);
    const words = Object.fromEntries(address.read().query);
    this.#newer.hidden = number < 2;
    this.#newer.href = address.link({ ...words, at: number > 2 ? String(number - 1) : "" });
    this.#older.hidden = number * PAGE >= total;
    this.#older.href = address.link({ ...words, at: String(number + 1) });
  }

  #row(task) {
    const ahead = this.#ahead.get(task.execId);
    const waits = WAITS.has(task.status);
    const place = waits && task.state !== "held" && ahead !== undefined ? texts.ahead(ahead) : "";
    const why = waits ? [place, task.waitingReason].filter(Boolean).join(": ") : "";
    const title = task.name || task.code.trim().split("\n")[0].slice(0, 60) || task.language;
    const tags = task.tags.map((tag) => el("span", { className: "tag" }, tag));
    const cells = [
      el("a", { href: address.link({ task: String(task.taskId) }) }, String(task.taskId)),
      [el("a", { className: "name", href: address.link({ task: String(task.taskId) }), tabIndex: -1 }, title), tags],
      task.owner,
      task.engine === task.language ? task.engine : `${task.engine} ${task.language}`,
      badge(task.status, task.state),
      task.final ? "" : el("progress", { max: 1, value: task.progress, ariaLabel: texts.progress }),
      why,
      el("span", { title: new Date(task.createdTime).toLocaleString() }, age(task.createdTime)),
    ];
    return el("tr", { data: { task: task.taskId } }, cells.map((cell) => el("td", {}, cell)));
  }

  /** Follows the place in the queue of those that wait, until they wait no longer. */
  #watch(tasks) {
    const wanted = new Set(tasks.slice(-WATCHED).map((task) => task.execId));
    for (const [execId, stop] of this.#watched) {
      if (!wanted.has(execId)) stop.abort(new Error("it waits no longer"));
    }
    for (const execId of wanted) if (!this.#watched.has(execId)) this.#ask(execId);
  }

  async #ask(execId) {
    const stop = new AbortController();
    this.#watched.set(execId, stop);
    try {
      const options = { queue: true, progress: false, credit: 1, signal: stop.signal };
      for await (const news of following.follow(execId, options)) {
        if (news.type === "waiting") this.#ahead.set(execId, news.ahead);
        else if (news.type !== "state" || !WAITS.has(news.status)) break;
      }
    } catch {
      // The list itself tells what is wrong with the gateway.
    }
    this.#ahead.delete(execId);
    this.#watched.delete(execId);
  }
}

/** Why the list is empty: what is looked for is not there, or nothing was ever run. */
function nothing() {
  if (address.read().query.size) return [texts.noTasks];
  return [texts.noneYet, " ", el("a", { href: address.link({ page: "run" }) }, texts.firstRun)];
}

const holds = (task, words) =>
  [String(task.taskId), task.name, task.owner, task.engine, task.language, task.code, ...task.tags]
    .some((text) => text.toLowerCase().includes(words));

customElements.define("task-list", TaskList);

