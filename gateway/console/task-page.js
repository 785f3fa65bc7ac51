/** One task: how it is, what it prints, what it made, what happened to it, and how it was ended. */

import * as address from "./address.js";
import { age, badge, button, duration, el, moment, row, select, table } from "./dom.js";
import { done, following, login, pause, patiently, telling, tried } from "./gateway.js";
import { killReport } from "./kill-report.js";
import "./log-view.js";
import "./result-view.js";
import { texts } from "./texts.js";

const TABS = ["log", "results", "history", "code", "kill"];
const TAB_TEXTS = {
  log: texts.log, results: texts.results, history: texts.history, code: texts.code, kill: texts.killReport,
};
const LATER_MS = 1500;
const REFUSED = 1;

class TaskPage extends HTMLElement {
  #stop = new AbortController();
  #id = address.read().task;
  #known = null;
  #log = document.createElement("log-view");
  #state = el("span", { id: "state", attributes: { role: "status" } });
  #outcome = el("span", { id: "outcome", className: "soft" });
  #about = el("span", { className: "soft" });
  #title = el("h1", {}, texts.taskTitle(this.#id));
  #progress = el("progress", { max: 1, value: 0, ariaLabel: texts.progress });
  #stages = el("div", { className: "stages" });
  #tabs = el("div", { className: "tabs", attributes: { role: "tablist" } });
  #panel = el("section", { className: "panel", id: "panel", attributes: { role: "tabpanel" } });
  #grace = select([0, 3, 10, 60].map((seconds) => [String(seconds), texts.graceOf(seconds)]), "3", {
    ariaLabel: texts.grace,
  });
  #kill = button(texts.kill, () => this.#killed(), { id: "kill", className: "danger" });
  #control = el("span", { className: "line" });
  #actions = el("span", { className: "line end", hidden: true });
  #tab = "";

  connectedCallback() {
    const rerun = el("a", {
      className: "button quiet", href: address.link({ page: "run", of: this.#id }),
    }, texts.rerun);
    this.#actions.append(rerun, this.#control, this.#grace, this.#kill);
    this.append(
      el(
        "header",
        { className: "line card" },
        this.#title, this.#state, this.#outcome, this.#about,
        this.#actions,
      ),
      this.#progress,
      this.#stages,
      this.#tabs,
      this.#panel,
    );
    this.#tabs.addEventListener("keydown", (event) => this.#arrow(event));
    this.#log.hidden = false;
    this.readdressed();
    this.#begin().catch((error) => {
      if (this.#stop.signal.aborted) return;
      const unknown = !this.#known && error.status === REFUSED && !error.passing;
      this.#tabs.hidden = this.#progress.hidden = unknown;
      const words = unknown ? texts.noSuchTask(this.#id) : error.message;
      this.#panel.replaceChildren(el("p", { className: "error" }, words));
    });
  }

  disconnectedCallback() {
    this.#stop.abort(new Error("another page is shown"));
  }

  /** The address has changed: another tab, or another line. */
  readdressed() {
    const { query, line } = address.read();
    const wanted = TABS.includes(query.get("tab")) ? query.get("tab") : "log";
    if (wanted === "log" && line && this.#tab) this.#log.show(line);
    if (wanted === this.#tab) return;
    this.#tab = wanted;
    this.#tabs.replaceChildren(
      ...TABS.map((name) =>
        el("a", {
          href: address.link({ task: this.#id, tab: name === "log" ? "" : name }),
          attributes: {
            role: "tab", "aria-selected": String(name === wanted), "aria-controls": "panel",
          },
          tabIndex: name === wanted ? 0 : -1,
        }, TAB_TEXTS[name]),
      ),
    );
    this.#panel.setAttribute("aria-label", TAB_TEXTS[wanted]);
    this.#fill();
  }

  #arrow(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const tabs = [...this.#tabs.children];
    const at = tabs.indexOf(document.activeElement);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    address.go(next.href);
    this.#tabs.children[tabs.indexOf(next)].focus();
  }

  async #begin() {
    const { signal } = this.#stop;
    const { line } = address.read();
    this.#log.open(this.#id, line, signal);
    const [first] = await Promise.all([
      patiently((client) => client.log(this.#id, { size: 1, signal }), signal).then((page) => {
        this.#log.last = page.last;
        return page;
      }),
      this.#describe(),
    ]);
    let next = first.last + 1;
    while (!signal.aborted) {
      try {
        const options = { fromLine: next, queue: true, partial: true, signal };
        for await (const batch of following.news(this.#id, options)) {
          for (const news of batch) {
            if (news.type === "line") next = news.number + !news.more;
            if (news.type === "gap") next = news.last + 1;
          }
          this.#take(batch);
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === -1) await login();
        else if (!error.passing) throw error;
        else await pause(LATER_MS);
      }
    }
  }

  #take(batch) {
    this.#log.take(batch);
    for (const news of batch) {
      if (news.type === "state") this.#became(news.status);
      if (news.type === "progress") this.#advanced(news);
      if (news.type === "waiting") this.#outcome.textContent = texts.ahead(news.ahead);
      if (news.type === "end") this.#became(news.status, news);
    }
  }

  /** Asks anew what is known of the task, and shows it. */
  async #describe() {
    const task = await patiently((client) => client.describe(this.#id), this.#stop.signal);
    this.#known = task;
    this.#actions.hidden = false;
    const name = task.name ? ` · ${task.name}` : "";
    this.#title.textContent = `${texts.taskTitle(this.#id)}${name}`;
    const engine = task.engine === task.language ? task.engine : `${task.engine} ${task.language}`;
    this.#about.textContent = `${task.owner} · ${engine} · ${age(task.createdTime)}`;
    this.#show();
    if (task.final) this.#progress.value = 1;
    if (["code", "history"].includes(this.#tab)) this.#fill();
  }

  #show(end = null) {
    const task = this.#known;
    this.#state.replaceChildren(badge(task.status, task.state));
    this.#kill.disabled = task.final;
    this.#grace.hidden = this.#kill.hidden = task.final;
    if (end || task.final) {
      const how = end?.signal ? texts.signalled(end.signal) : end?.exitCode ?? null;
      const words = [
        typeof how === "number" ? texts.exitCode(how) : how,
        end ? texts.lineCount(end.last) : null,
        texts.took(duration(task.milliseconds)),
        task.status === "Failed" && how === null ? task.error : null,
      ];
      this.#outcome.textContent = words.filter(Boolean).join(" · ");
    } else this.#outcome.textContent = task.waitingReason;
    this.#controls();
  }

  #controls() {
    const { status, state, final } = this.#known;
    const act = (verb) => async () => {
      await done((client) => client[verb](this.#id));
      await this.#describe().catch(telling);
    };
    const offered = [];
    if (!final && (state === "held" || state === "suspended")) offered.push(button(texts.resume, act("resume"), { className: "quiet" }));
    else if (status === "Running") offered.push(button(texts.suspend, act("suspend"), { className: "quiet" }));
    else if (!final) offered.push(button(texts.hold, act("hold"), { className: "quiet" }));
    this.#control.replaceChildren(...offered);
  }

  #became(status, end = null) {
    this.#known = { ...this.#known, status, state: "", final: Boolean(end) || this.#known.final };
    if (end) this.#progress.value = 1;
    this.#show(end);
    this.#describe()
      .then(() => end && this.#show(end))
      .catch(() => {});
    if (end && this.#tab !== "log") this.#fill();
  }

  #advanced({ fraction, stages }) {
    this.#progress.value = fraction;
    this.#stages.replaceChildren(
      ...stages.slice(0, 50).map((stage) => {
        const part = (name, count) => {
          const bar = el("span", { className: name });
          bar.style.flexGrow = String(count);
          return bar;
        };
        const rest = Math.max(0, stage.total - stage.succeeded - stage.failed - stage.running);
        return el(
          "div",
          { className: "stage", title: texts.stage(stage) },
          el("small", {}, texts.stage(stage)),
          el("span", { className: "stagebar", attributes: { "aria-hidden": "true" } },
            part("succeeded", stage.succeeded), part("failed", stage.failed),
            part("active", stage.running), part("rest", rest)),
        );
      }),
    );
  }

  /** Puts what the tab is about into the panel. */
  #fill() {
    this.#panel.classList.toggle("plain", this.#tab === "log");
    if (this.#tab === "log") {
      if (this.#log.parentElement !== this.#panel) this.#panel.replaceChildren(this.#log);
      return;
    }
    const fill = { results: this.#results, history: this.#history, code: this.#code, kill: this.#report }[this.#tab];
    const tab = this.#tab;
    fill.call(this).then(
      (nodes) => tab === this.#tab && this.#panel.replaceChildren(...nodes),
      (error) => tab === this.#tab && !this.#stop.signal.aborted
        && this.#panel.replaceChildren(el("p", { className: "error" }, error.message)),
    );
  }

  async #results() {
    const sets = await tried((client) => client.results(this.#id));
    if (!sets.length) return [el("p", { className: "soft" }, texts.noResults)];
    return sets.map((set, index) => {
      const view = document.createElement("result-view");
      view.open(set, index + 1);
      return view;
    });
  }

  async #history() {
    const { events } = await tried((client) => client.events(this.#id));
    const rows = events.map((event) =>
      row(
        moment(event.time), event.event, event.state ?? "", event.who ?? "",
        [event.reason, event.signal, event.seconds && duration(event.seconds * 1000)].filter(Boolean).join(" "),
      ),
    );
    const heads = [texts.time, texts.event, texts.state, texts.who, texts.reason];
    return [table(texts.history, heads, rows, texts.noEvents)];
  }

  async #code() {
    const code = this.#known?.code ?? "";
    return [el("pre", { className: "code", tabIndex: 0, ariaLabel: texts.code }, code)];
  }

  async #report() {
    return killReport(await tried((client) => client.readKill(this.#id)));
  }

  async #killed() {
    this.#kill.disabled = true;
    const grace = Number(this.#grace.value);
    if (await done((client) => client.kill(this.#id, { grace }))) {
      address.go(address.link({ task: this.#id, tab: "kill" }));
      this.#tab = "kill";
      this.#fill();
    } else this.#kill.disabled = false;
  }
}

customElements.define("task-page", TaskPage);

