/** A result set for a page that may do nothing: its empty markup, and the messages that fill it. */

import type { Connection } from "./connection.js";
import type { ResultPage } from "./narthex.js";

/** What the page is told. */
export type ToPage =
  | {
      type: "table";
      columns: { name: string; type: string; comment: string }[];
      rows: (string | null)[][];
      page: number;
      pages: number;
      note: string;
    }
  | { type: "text"; text: string; note: string }
  | { type: "picture"; source: string }
  | { type: "error"; text: string };

/** What is shown, for a window that is loaded anew. */
export interface Kept {
  address: string;
  path: string;
}

/** What the page asks for. */
export type FromPage = { type: "page"; page: number };

export const ROWS = 200;
const LONGEST_CELL = 10_000;
const PICTURES: readonly (readonly [string, string])[] = [
  ["iVBOR", "png"], ["/9j/", "jpeg"], ["R0lG", "gif"], ["UklG", "webp"],
];

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);

/**
 * The markup of the page. It runs one script and shows one style, both of the extension; nothing
 * that a user wrote is in it, and no text can become markup of it.
 */
export function skeleton(parts: { source: string; script: string; style: string; nonce: string }): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${parts.nonce}'`,
    `style-src ${parts.source}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${escaped(policy)}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Result</title>
  <link rel="stylesheet" href="${escaped(parts.style)}">
  <script type="module" nonce="${escaped(parts.nonce)}" src="${escaped(parts.script)}"></script>
</head>
<body></body>
</html>
`;
}

/** What a page kept of what it shows, or null if nothing sensible was kept. */
export function readKept(state: unknown): Kept | null {
  const { address, path } = (state ?? {}) as Partial<Record<keyof Kept, unknown>>;
  return typeof address === "string" && typeof path === "string" ? { address, path } : null;
}

/** A message of the page, or null for anything else. */
export function readFromPage(message: unknown): FromPage | null {
  const { type, page } = (message ?? {}) as Partial<Record<keyof FromPage, unknown>>;
  return type === "page" && Number.isSafeInteger(page) && Number(page) >= 1
    ? { type, page: Number(page) }
    : null;
}

const cut = (cell: string | null): string | null =>
  cell !== null && cell.length > LONGEST_CELL ? `${cell.slice(0, LONGEST_CELL)} …` : cell;

function note(result: ResultPage): string {
  return [
    result.totalRows === null ? "" : `${result.totalRows.toLocaleString("en")} rows`,
    result.complete ? "" : "not complete",
    result.truncated ? "cut at its limit" : "",
  ].filter(Boolean).join(" · ");
}

/** A page of a result set as the message that shows it. */
export function shown(result: ResultPage): ToPage {
  const text = () => result.rows.map((cells) => cells[0] ?? "").join("\n");
  switch (result.kind) {
    case "table":
      return {
        type: "table",
        columns: result.columns,
        rows: result.rows.map((cells) => cells.map(cut)),
        page: result.page,
        pages: result.pages,
        note: note(result),
      };
    case "picture": {
      const data = text().replace(/\s+/g, "");
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return { type: "error", text: "the picture cannot be read" };
      const type = PICTURES.find(([begin]) => data.startsWith(begin))?.[1] ?? "png";
      return { type: "picture", source: `data:image/${type};base64,${data}` };
    }
    case "html":
      return { type: "text", text: text(), note: "HTML, shown as text; the console shows it drawn" };
    default:
      return { type: "text", text: text(), note: "" };
  }
}

/** Asks for a page of a result set; a failure is a message as well. */
export async function readResult(connection: Connection, path: string, page: number): Promise<ToPage> {
  try {
    return shown(await connection.ask((client) => client.rows(path, { page, size: ROWS })));
  } catch (error) {
    return { type: "error", text: error instanceof Error ? error.message : String(error) };
  }
}
