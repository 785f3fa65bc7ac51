/** One's own account: tokens that are alive, a new one for an application, another password. */

import { button, copy, el, label, moment, row, table } from "./dom.js";
import { done, patiently, session } from "./gateway.js";
import { texts } from "./texts.js";

const DAY = 86_400;

class AccountPage extends HTMLElement {
  #list = el("div");
  #made = el("div");
  #said = el("p", { attributes: { role: "status" } });

  connectedCallback() {
    const days = el("input", { type: "number", name: "days", min: 1, max: 365, value: 30, required: true });
    const making = el("form", { className: "line" }, label(texts.days, days), el("button", {}, texts.make));
    making.addEventListener("submit", async (event) => {
      event.preventDefault();
      const made = await done((client) => client.narthex("tokens", { seconds: days.value * DAY }));
      if (made) this.#tell(made.ticket.token);
      await this.#refresh();
    });
    this.append(
      el("h1", {}, `${texts.account}: ${session.user?.user ?? ""}`),
      el("h2", {}, texts.tokens),
      this.#list,
      el("section", { className: "card" }, el("h2", {}, texts.newToken), making, this.#made),
      el("section", { className: "card" }, el("h2", {}, texts.changePassword), this.#passwords(), this.#said),
    );
    this.#refresh();
  }

  #passwords() {
    const old = el("input", { type: "password", autocomplete: "current-password", required: true });
    const password = el("input", { type: "password", autocomplete: "new-password", required: true });
    const form = el("form", { className: "line" },
      label(texts.oldPassword, old), label(texts.newPassword, password), el("button", {}, texts.change));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const body = { old: old.value, password: password.value };
      this.#said.textContent = (await done((client) => client.narthex("password", body))) ? texts.passwordChanged : "";
      form.reset();
    });
    return form;
  }

  #tell(token) {
    const copying = button(texts.copy, () => copy(token, copying), { className: "quiet" });
    this.#made.replaceChildren(
      el("p", {}, texts.tokenOnce, " ", copying),
      el("pre", { className: "token", tabIndex: 0, ariaLabel: texts.newToken }, token),
    );
  }

  async #refresh() {
    const { tokens } = await patiently((client) => client.narthex("tokens"));
    const rows = tokens.map((token) =>
      row(el("code", {}, token.id), token.kind, moment(token.issuedTime), moment(token.expiresTime),
        button(texts.revoke, async () => {
          await done((client) => client.narthex(`tokens/${encodeURIComponent(token.id)}/revoke`, {}));
          await this.#refresh();
        }, { className: "danger", ariaLabel: `${texts.revoke} ${token.id}` })),
    );
    const heads = [texts.tokenId, texts.kind, texts.issued, texts.expires, ""];
    this.#list.replaceChildren(table(texts.tokens, heads, rows, texts.noTokens));
  }
}

customElements.define("account-page", AccountPage);
