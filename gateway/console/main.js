/** The frame around every page: the navigation, who is logged in, what is wrong, light and dark. */

import "./account-page.js";
import "./health-page.js";
import "./people-page.js";
import "./session-page.js";
import "./task-list.js";
import "./task-page.js";
import * as address from "./address.js";
import { button, el } from "./dom.js";
import { calls, session, url, who } from "./gateway.js";
import { texts } from "./texts.js";

const PAGES = {
  "": ["task-list", texts.tasks],
  run: ["run-page", texts.run],
  sessions: ["session-page", texts.sessions],
  health: ["health-page", texts.health],
  account: ["account-page", texts.account],
  people: ["people-page", texts.people],
};

const main = el("main", { id: "content", tabIndex: -1 });
const nav = el("nav", { attributes: { "aria-label": texts.nav } });
const banner = el("p", { id: "trouble", className: "error", attributes: { role: "status" } });
const user = el("span", { id: "user" });
const leave = button(texts.logout, logout, { id: "logout", className: "quiet", hidden: true });
let shown = "";

function theme(wanted) {
  if (wanted) document.documentElement.dataset.theme = wanted;
  else delete document.documentElement.dataset.theme;
}

function turned() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const wanted = now === "dark" ? "light" : "dark";
  localStorage.setItem("theme", wanted);
  theme(wanted);
}

function links() {
  const { page, task } = address.read();
  const pages = Object.entries(PAGES).filter(([name]) => name !== "people" || session.user?.admin);
  nav.replaceChildren(
    ...pages.map(([name, [, text]]) =>
      el("a", {
        href: address.link({ page: name }),
        attributes: { "aria-current": name === page && !task ? "page" : null },
      }, text),
    ),
  );
}

/** Shows what the address asks for; a page that is shown already is told that it changed. */
function route() {
  const { page, task } = address.read();
  const [name, title] = task ? ["task-page", texts.taskTitle(task)] : PAGES[page] ?? PAGES[""];
  const wanted = `${name} ${task}`;
  document.title = `${title} · ${texts.title}`;
  links();
  banner.textContent = session.since ? banner.textContent : "";
  if (shown === wanted) {
    main.firstElementChild.readdressed?.();
    return;
  }
  shown = wanted;
  main.replaceChildren(document.createElement(name));
}

session.addEventListener("connection", () => {
  banner.textContent = session.since ? texts.away(session.since.toLocaleTimeString()) : "";
});
session.addEventListener("trouble", (event) => (banner.textContent = event.detail));
session.addEventListener("changed", () => {
  user.textContent = session.user?.user ?? "";
  leave.hidden = !session.user;
  links();
});

theme(localStorage.getItem("theme"));
document.body.append(
  el("a", { id: "skip", href: "#content" }, texts.skip),
  el(
    "header",
    { id: "top" },
    el("a", { id: "home", href: address.link({}) }, texts.title),
    nav,
    el(
      "div",
      { className: "line" },
      user,
      button("◐", turned, { id: "theme", className: "quiet", title: texts.theme, ariaLabel: texts.theme }),
      leave,
    ),
  ),
  banner,
  main,
);

async function logout() {
  await calls.logout().catch(() => {});
  location.assign(url);
}

address.watch(route);
await who();
route();
// The code editor may be the heaviest part: it comes once the first page is shown.
import("./run-page.js").catch((error) => (banner.textContent = error.message));
