/** Where one is: the page and its filters are in the address, so that a link brings anybody there. */

/** What the address asks for: `?task=17&tab=results`, `?page=run`, or the list of tasks. */
export function read() {
  const query = new URLSearchParams(location.search);
  const old = /^#task=(\d{1,15})$/.exec(location.hash)?.[1];
  const task = query.get("task") ?? old ?? "";
  const line = Number(/^#L(\d{1,15})$/.exec(location.hash)?.[1] ?? 0);
  return { query, task: /^\d{1,15}$/.test(task) ? task : "", page: query.get("page") ?? "", line };
}

/** An address with these words, without those that are empty. */
export function link(words, line = 0) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(words)) if (value) query.set(name, value);
  return `${location.pathname}${query.size ? `?${query}` : ""}${line ? `#L${line}` : ""}`;
}

/** Goes to an address of the console; `quiet` changes what the address says and nothing else. */
export function go(href, { quiet = false, replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", href);
  if (!quiet) dispatchEvent(new Event("narthex-address"));
}

/** Lets links within the console change the page without loading it anew. */
export function watch(changed) {
  addEventListener("popstate", changed);
  addEventListener("narthex-address", changed);
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[href]");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    if (!anchor || !plain || anchor.target || anchor.hasAttribute("download")) return;
    const target = new URL(anchor.href);
    if (target.origin !== location.origin || target.pathname !== location.pathname) return;
    if (anchor.hash && target.search === location.search && !anchor.hash.startsWith("#L")) return;
    event.preventDefault();
    go(anchor.href);
  });
}
