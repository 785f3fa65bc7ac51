/** One result set: a table by pages, a text, a picture, or HTML in a frame that may do nothing. */

import { button, bytes, copy, download, el } from "./dom.js";
import { calls, done, tried } from "./gateway.js";
import { texts } from "./texts.js";

const PAGE = 200;
const PICTURE = [["iVBOR", "png"], ["/9j/", "jpeg"], ["R0lG", "gif"], ["UklG", "webp"]];

class ResultView extends HTMLElement {
  #set;
  #title = "";
  #rows = [];
  #columns = [];
  #page = 0;
  #pages = 1;
  #sorted = null;
  #body = el("tbody");
  #head = el("tr");
  #count = el("span", { className: "soft" });
  #more = button(texts.moreRows, () => this.#next(), { className: "quiet" });

  /** Shows a result set, which is the one of that number. */
  open(set, number) {
    this.#set = set;
    this.#title = texts.result(number);
    this.className = "card";
    this.append(el("p", { className: "soft" }, texts.loading));
    this.#load().catch((error) => this.replaceChildren(el("p", { className: "error" }, error.message)));
  }

  async #load() {
    const page = await tried((client) => client.rows(this.#set.path, { page: 1, size: PAGE }));
    const title = el("h2", { title: this.#set.name }, `${this.#title} `, el("small", { className: "soft" }, bytes(this.#set.size)));
    const text = () => page.rows.map((cells) => cells[0] ?? "").join("\n");
    if (page.kind === "table") {
      this.replaceChildren(this.#bar(title), this.#table());
      this.#columns = page.columns;
      this.#add(page);
    } else if (page.kind === "picture") this.replaceChildren(title, picture(text()));
    else if (page.kind === "html") this.replaceChildren(title, frame(text()));
    else this.replaceChildren(title, el("pre", { tabIndex: 0, ariaLabel: this.#title }, text()));
  }

  #bar(title) {
    const copying = button(texts.copy, () => copy(this.#text(), copying), { className: "quiet" });
    return el(
      "div",
      { className: "line" },
      title,
      this.#count,
      copying,
      download(calls.resultUrl(this.#set.path, "csv"), texts.csv),
      download(calls.resultUrl(this.#set.path, "xlsx"), texts.workbook),
    );
  }

  #table() {
    return el(
      "div",
      { className: "wide result", tabIndex: 0, attributes: { role: "region", "aria-label": this.#title } },
      el("table", {}, el("thead", {}, this.#head), this.#body),
      this.#more,
    );
  }

  async #next() {
    const options = { page: this.#page + 1, size: PAGE };
    const page = await done((client) => client.rows(this.#set.path, options));
    if (page) this.#add(page);
  }

  #add(page) {
    this.#page += 1;
    this.#pages = page.pages;
    this.#rows.push(...page.rows);
    this.#more.hidden = this.#page >= this.#pages;
    const notes = [
      texts.rows(this.#rows.length, page.totalRows),
      page.complete ? null : texts.incomplete,
      page.truncated ? texts.truncated : null,
    ];
    this.#count.textContent = notes.filter(Boolean).join(" · ");
    this.#draw();
  }

  #draw() {
    this.#head.replaceChildren(
      ...this.#columns.map((column, index) => {
        const order = this.#sorted?.index === index ? (this.#sorted.down ? "descending" : "ascending") : null;
        const sign = { ascending: " ▲", descending: " ▼" }[order] ?? "";
        return el(
          "th",
          { scope: "col", attributes: { "aria-sort": order } },
          button(`${column.name}${sign}`, () => this.#sort(index), {
            className: "head", ariaLabel: texts.sortBy(column.name), title: column.comment,
          }),
          el("small", { className: "soft" }, column.type),
        );
      }),
    );
    this.#body.replaceChildren(
      ...this.#ordered().map((cells) =>
        el("tr", {}, cells.map((cell) =>
          cell === null ? el("td", { className: "soft" }, "NULL") : el("td", {}, cell))),
      ),
    );
  }

  #sort(index) {
    const down = this.#sorted?.index === index && !this.#sorted.down;
    this.#sorted = { index, down };
    this.#draw();
    this.#head.children[index].querySelector("button").focus();
  }

  #ordered() {
    if (!this.#sorted) return this.#rows;
    const { index, down } = this.#sorted;
    const order = new Intl.Collator("en", { numeric: false });
    const compared = (one, other) => {
      if (one === null || other === null) return (one === null) - (other === null);
      const [first, second] = [Number(one), Number(other)];
      const numbers = one !== "" && other !== "" && !Number.isNaN(first) && !Number.isNaN(second);
      return (numbers ? first - second : order.compare(one, other)) * (down ? -1 : 1);
    };
    return this.#rows.toSorted((one, other) => compared(one[index], other[index]));
  }

  #text() {
    const cell = (value) => (value ?? "").replace(/[\t\r\n]+/g, " ");
    const head = this.#columns.map((column) => column.name);
    return [head, ...this.#ordered()].map((cells) => cells.map(cell).join("\t")).join("\n");
  }
}

function picture(data) {
  const found = PICTURE.find(([begin]) => data.startsWith(begin));
  const type = found ? found[1] : "png";
  return el("img", { className: "picture", alt: texts.picture, src: `data:image/${type};base64,${data}` });
}

/** No script, no form, no other page: the frame has an origin of its own and may load nothing. */
function frame(html) {
  const address = URL.createObjectURL(new Blob([html], { type: "text/html; charset=utf-8" }));
  const element = el("iframe", {
    title: texts.frame,
    attributes: { sandbox: "", referrerpolicy: "no-referrer" },
    on: { load: () => URL.revokeObjectURL(address) },
  });
  element.src = address;
  return element;
}

customElements.define("result-view", ResultView);
