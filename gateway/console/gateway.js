/** The one way to the gateway: asks for a login where one is needed, and tells when it is away. */

import { Client, ConnectionFailed } from "../client.js";
import { el, label } from "./dom.js";
import { texts } from "./texts.js";

const AGAIN_MS = 1500;

export const url = new URL(".", location.href.split(/[?#]/)[0]).href;
export const calls = new Client({ url, patienceSeconds: 0 });
export const following = new Client({ url, patienceSeconds: Infinity });

/** Who is logged in; `changed` and `connection` events tell of news. */
export const session = Object.assign(new EventTarget(), { user: null, since: null });

const notify = (name) => session.dispatchEvent(new Event(name));
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function lost() {
  if (session.since) return;
  session.since = new Date();
  notify("connection");
}

function found() {
  if (!session.since) return;
  session.since = null;
  notify("connection");
}

let asking = null;

/** Asks for a password over everything else on the page, and resolves once it was right. */
export function login() {
  asking ??= new Promise((resolve) => {
    const alert = el("p", { className: "error", attributes: { role: "alert" } });
    const user = el("input", {
      name: "user", autocomplete: "username", required: true, value: session.user?.user ?? "",
      attributes: { autocapitalize: "none" },
    });
    const password = el("input", {
      name: "password", type: "password", autocomplete: "current-password", required: true,
    });
    const form = el(
      "form",
      { className: "stack" },
      el("h2", { id: "login-title" }, texts.login),
      session.user ? el("p", {}, texts.loginAgain) : el("small", { className: "soft" }, texts.loginHint),
      label(texts.name, user),
      label(texts.password, password),
      alert,
      el("button", {}, texts.login),
    );
    const dialog = el(
      "dialog",
      {
        id: "login", className: "small", attributes: { "aria-labelledby": "login-title" },
        on: { cancel: (event) => event.preventDefault() },
      },
      form,
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        session.user = await calls.login(user.value, password.value);
      } catch (error) {
        alert.textContent = error.message;
        return;
      }
      dialog.remove();
      asking = null;
      found();
      notify("changed");
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
    if (user.value) password.focus();
  });
  return asking;
}

/** Carries a call out; a login that has ended is asked for first, and then it is tried again. */
export async function tried(work) {
  for (;;) {
    try {
      const result = await work(calls);
      found();
      return result;
    } catch (error) {
      if (error.status === -1) await login();
      else {
        if (error instanceof ConnectionFailed) lost();
        throw error;
      }
    }
  }
}

/** As `tried`, and again until the gateway is back. */
export async function patiently(work, signal) {
  for (;;) {
    try {
      return await tried(work);
    } catch (error) {
      if (!(error instanceof ConnectionFailed) || signal?.aborted) throw error;
      await pause(AGAIN_MS);
      signal?.throwIfAborted();
    }
  }
}

let probing = false;

// A page that only follows asks nothing: when its connection is gone it asks whether the gateway is.
following.addEventListener("connection", async ({ detail }) => {
  if (detail.open || probing) return;
  probing = true;
  try {
    await patiently((client) => client.who());
  } catch (error) {
    telling(error);
  } finally {
    probing = false;
  }
});

/** Calls `work` now and every so often while the page is seen, until the signal. */
export async function repeatedly(work, every, signal) {
  while (!signal.aborted) {
    if (!document.hidden) {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof ConnectionFailed) && !signal.aborted) telling(error);
      }
    }
    await pause(every);
  }
}

/** Tells an error where everybody sees it; the next success takes it away. */
export function telling(error) {
  session.dispatchEvent(new CustomEvent("trouble", { detail: error?.message ?? "" }));
}

/** Carries out what a button asks for, and tells why if it was refused. */
export async function done(work) {
  try {
    const result = await tried(work);
    telling(null);
    return result ?? true;
  } catch (error) {
    telling(error);
    return null;
  }
}

export async function who() {
  session.user = await patiently((client) => client.who());
  notify("changed");
}
