/** Users and groups, for administrators. */

import { button, el, label, moment, row, sure, table } from "./dom.js";
import { done, patiently } from "./gateway.js";
import { texts } from "./texts.js";

const names = (text) => text.split(",").map((name) => name.trim()).filter(Boolean);

class PeoplePage extends HTMLElement {
  #users = el("div");
  #groups = el("div");

  connectedCallback() {
    this.append(
      el("h1", {}, texts.people),
      el("h2", {}, texts.users),
      this.#users,
      el("section", { className: "card" }, el("h2", {}, texts.addUser), this.#adding()),
      el("h2", {}, texts.groups),
      this.#groups,
      el("section", { className: "card" }, el("h2", {}, texts.addGroup), this.#grouping()),
    );
    this.#refresh().catch((error) => this.#users.replaceChildren(el("p", { className: "error" }, error.message)));
  }

  #form(fields, action, submit) {
    const form = el("form", { className: "line" }, fields, el("button", {}, action));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!(await done(submit))) return;
      form.reset();
      await this.#refresh();
    });
    return form;
  }

  #adding() {
    const name = el("input", { required: true, attributes: { autocapitalize: "none" }, autocomplete: "off" });
    const password = el("input", { type: "password", required: true, autocomplete: "new-password" });
    const email = el("input", { type: "email" });
    const groups = el("input", { placeholder: texts.namesHint });
    const fields = [
      label(texts.name, name), label(texts.password, password), label(texts.email, email), label(texts.groups, groups),
    ];
    return this.#form(fields, texts.add, (client) =>
      client.narthex("users", {
        name: name.value, password: password.value, email: email.value, groups: names(groups.value),
      }));
  }

  #grouping() {
    const name = el("input", { required: true });
    const description = el("input");
    const queues = el("input", { placeholder: texts.namesHint });
    const admin = el("input", { type: "checkbox" });
    const fields = [
      label(texts.name, name), label(texts.description, description), label(texts.groupQueues, queues),
      el("label", { className: "line" }, admin, texts.admin),
    ];
    return this.#form(fields, texts.add, (client) =>
      client.narthex(`groups/${encodeURIComponent(name.value)}`, {
        description: description.value, admin: admin.checked, queues: names(queues.value),
      }));
  }

  #remove(path, name) {
    return button(texts.remove, async () => {
      if (!(await sure(texts.removeSure(name), texts.remove))) return;
      await done((client) => client.narthex(`${path}/${encodeURIComponent(name)}/remove`, {}));
      await this.#refresh();
    }, { className: "danger", ariaLabel: `${texts.remove} ${name}` });
  }

  #member(user) {
    const input = el("input", { value: user.groups.join(", "), ariaLabel: `${texts.groups}: ${user.name}` });
    const form = el("form", { className: "line" }, input, el("button", { className: "quiet" }, texts.save));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const path = `users/${encodeURIComponent(user.name)}/groups`;
      await done((client) => client.narthex(path, { groups: names(input.value) }));
      await this.#refresh();
    });
    return form;
  }

  async #refresh() {
    const { users } = await patiently((client) => client.narthex("users"));
    const { groups } = await patiently((client) => client.narthex("groups"));
    this.#users.replaceChildren(
      table(
        texts.users,
        [texts.name, texts.email, texts.admin, texts.groups, texts.issued, ""],
        users.map((user) =>
          row(user.name, user.email, user.admin ? "✓" : "", this.#member(user), moment(user.createdTime),
            this.#remove("users", user.name))),
        "",
      ),
    );
    this.#groups.replaceChildren(
      table(
        texts.groups,
        [texts.name, texts.description, texts.admin, texts.groupQueues, ""],
        groups.map((group) =>
          row(group.name, group.description, group.admin ? "✓" : "", group.queues.join(", "),
            ["admin", "default"].includes(group.name) ? "" : this.#remove("groups", group.name))),
        "",
      ),
    );
  }
}

customElements.define("people-page", PeoplePage);
