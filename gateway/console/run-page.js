/** The editor: code, engine, language, session, variables; what was typed stays until it is run. */

import * as address from "./address.js";
import { codeEditor } from "./code-editor.js";
import { age, badge, el, label, select } from "./dom.js";
import { patiently, session, tried } from "./gateway.js";
import { texts } from "./texts.js";

const LANGUAGES = { spark: ["sql", "python", "scala"] };
const DRAFT = "draft";
const RECENT = 15;

class RunPage extends HTMLElement {
  #code = codeEditor(texts.code);
  #engine = select([["shell", "shell"]], "shell", { name: "engine" });
  #language = select([["shell", "shell"]], "shell", { name: "language" });
  #session = el("input", { name: "session", placeholder: texts.sessionHint, title: texts.sessionTitle });
  #name = el("input", { name: "taskName", placeholder: texts.optional });
  #variables = el("textarea", {
    name: "variables", rows: 3, placeholder: texts.variablesHint, spellcheck: false,
  });
  #alert = el("p", { className: "error", attributes: { role: "alert" } });
  #recent = el("ul", { className: "recent" });

  connectedCallback() {
    const form = el(
      "form",
      { className: "stack card", id: "run-form" },
      this.#code,
      el(
        "div",
        { className: "fields" },
        label(texts.engine, this.#engine),
        label(texts.language, this.#language),
        label(texts.session, this.#session),
        label(texts.taskName, this.#name),
      ),
      label(texts.variables, this.#variables),
      this.#alert,
      el("p", { className: "line" }, el("button", {}, texts.runIt), el("small", { className: "soft" }, texts.runHint)),
    );
    this.append(
      el("h1", {}, texts.run),
      el("div", { className: "split" }, form,
        el("section", { className: "card" }, el("h2", {}, texts.recent), this.#recent)),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("input", () => this.#keep());
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    this.#engine.addEventListener("change", () => this.#languages());
    this.#language.addEventListener("change", () => this.#spoken());
    this.#begin().catch((error) => (this.#alert.textContent = error.message));
  }

  /** The address names another task to begin from. */
  readdressed() {
    const of = address.read().query.get("of") ?? "";
    if (/^\d{1,15}$/.test(of)) this.#from(of).catch((error) => (this.#alert.textContent = error.message));
  }

  async #begin() {
    this.#restore(JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}"));
    const engines = await patiently((client) => client.engines());
    const chosen = this.#engine.value;
    this.#engine.replaceChildren(...engines.map((name) => el("option", { value: name }, name)));
    this.#engine.value = engines.includes(chosen) ? chosen : engines.includes("shell") ? "shell" : engines[0];
    this.#languages(this.#language.value);
    this.readdressed();
    await this.#before();
  }

  async #before() {
    const tasks = await patiently((client) => client.list({ size: RECENT, user: session.user?.admin ? session.user.user : "" }));
    const mine = tasks.filter((task) => task.code);
    this.#recent.replaceChildren(
      ...mine.map((task) =>
        el("li", {},
          el("a", { href: address.link({ page: "run", of: String(task.taskId) }) },
            el("code", {}, task.code.trim().split("\n")[0].slice(0, 80)),
            el("small", { className: "soft" }, `${task.taskId} · ${task.engine} · ${age(task.createdTime)} `),
            badge(task.status, task.state)))),
    );
    if (!mine.length) this.#recent.append(el("li", { className: "soft" }, texts.noRecent));
  }

  async #from(of) {
    const task = await patiently((client) => client.describe(of));
    this.#restore({ code: task.code, engine: task.engine, language: task.language, name: task.name });
    this.#languages(task.language);
    this.#keep();
    address.go(address.link({ page: "run" }), { quiet: true, replace: true });
    this.#code.focus();
  }

  #restore({ code = "", engine = "", language = "", session: warm = "", variables = "", name = "" }) {
    this.#code.value = code;
    this.#session.value = warm;
    this.#variables.value = variables;
    this.#name.value = name;
    for (const [control, value] of [[this.#engine, engine], [this.#language, language]]) {
      if (!value) continue;
      if (![...control.options].some((option) => option.value === value)) {
        control.append(el("option", { value }, value));
      }
      control.value = value;
    }
  }

  #keep() {
    sessionStorage.setItem(DRAFT, JSON.stringify({
      code: this.#code.value, engine: this.#engine.value, language: this.#language.value,
      session: this.#session.value, variables: this.#variables.value, name: this.#name.value,
    }));
  }

  #languages(wanted = "") {
    const languages = LANGUAGES[this.#engine.value] ?? [this.#engine.value];
    if (wanted && !languages.includes(wanted) && this.#engine.value in LANGUAGES) languages.push(wanted);
    this.#language.replaceChildren(...languages.map((name) => el("option", { value: name }, name)));
    if (languages.includes(wanted)) this.#language.value = wanted;
    this.#spoken();
  }

  #spoken() {
    this.#code.language = this.#language.value;
  }

  #values() {
    const values = {};
    for (const line of this.#variables.value.split("\n").filter((each) => each.trim())) {
      const at = line.indexOf("=");
      if (at < 1) throw new Error(texts.badVariable(line));
      values[line.slice(0, at).trim()] = line.slice(at + 1).trim();
    }
    return values;
  }

  async #submit() {
    this.#alert.textContent = "";
    try {
      const values = this.#values();
      const options = {
        engine: this.#engine.value,
        language: this.#language.value,
        session: this.#session.value.trim(),
        name: this.#name.value.trim(),
        values,
        variables: Object.keys(values).length > 0,
      };
      const task = await tried((client) => client.execute(this.#code.value, options));
      address.go(address.link({ task: String(task.taskId) }));
    } catch (error) {
      this.#alert.textContent = error.message;
    }
  }
}

customElements.define("run-page", RunPage);

