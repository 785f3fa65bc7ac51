/** What happens to a task as text for its output channel. */

import type { End, News } from "./narthex.js";
import { plain } from "./plain.js";

/** A sentence for how a task ended. */
export function outcome({ status, exitCode, signal }: Pick<End, "status" | "exitCode" | "signal">): string {
  if (status === "Succeed") return "succeeded";
  if (status === "Cancelled") return "killed";
  if (status === "Timeout") return "ended at its time limit";
  if (signal) return `failed: signal ${signal}`;
  return exitCode === null ? "failed" : `failed: exit code ${exitCode}`;
}

/** What the extension itself says between the lines of a task. */
export const remark = (text: string): string => `[${text}]\n`;

/** Puts lines together from their parts; each piece of text is to be appended to the one before. */
export class Printer {
  #growing = false;

  /** The text of news that was not told before, in order. */
  text(news: readonly News[]): string {
    return news.map((item) => this.#one(item)).join("");
  }

  /** A remark that stands on a line of its own, whatever was said before. */
  remark(text: string): string {
    return this.#ended() + remark(text);
  }

  #one(item: News): string {
    switch (item.type) {
      case "line":
        this.#growing = item.more;
        return plain(item.text) + (item.more ? "" : "\n");
      case "gap":
        return this.remark(
          item.first === item.last
            ? `line ${item.first} is no longer kept`
            : `lines ${item.first} to ${item.last} are no longer kept`,
        );
      case "end":
        return this.remark(outcome(item));
      default:
        return "";
    }
  }

  #ended(): string {
    const before = this.#growing ? "\n" : "";
    this.#growing = false;
    return before;
  }
}
