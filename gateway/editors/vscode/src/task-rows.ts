/** A task as one row of a tree. */

import { choiceName } from "./choices.js";
import type { StatusWord, TaskRow } from "./narthex.js";

export interface Row {
  taskId: number;
  execId: string;
  title: string;
  /** By what it is run. */
  by: string;
  label: string;
  description: string;
  /** Shown as text, never as markup. */
  tooltip: string;
  /** One of the editor's own icons. */
  icon: string;
  /** What can be done with it: `running` or `ended`. */
  context: "running" | "ended";
}

const ICONS: Readonly<Record<StatusWord, string>> = {
  Inited: "clock",
  Scheduled: "clock",
  WaitForRetry: "history",
  Running: "play-circle",
  Succeed: "pass",
  Failed: "error",
  Cancelled: "circle-slash",
  Timeout: "watch",
};
const WORDS: Readonly<Record<StatusWord, string>> = {
  Inited: "waiting",
  Scheduled: "waiting",
  WaitForRetry: "waits to be tried again",
  Running: "running",
  Succeed: "succeeded",
  Failed: "failed",
  Cancelled: "killed",
  Timeout: "ended at its time limit",
};
const OWN = new Set(["held", "suspended", "lost", "killing"]);
const LONGEST = 80;

const firstLine = (code: string): string => code.trim().split("\n", 1)[0] ?? "";

/** How a task is, in a word of ours or of the gateway where that says more. */
export const stateWord = ({ status, state }: Pick<TaskRow, "status" | "state">): string =>
  OWN.has(state) ? state : (WORDS[status] ?? status);

/** How long something took, or takes by now. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

/** The row of a task. */
export function rowOf(task: TaskRow): Row {
  const percent = !task.final && task.progress > 0 ? `${Math.floor(task.progress * 100)} %` : "";
  const took = task.status === "Inited" || task.status === "Scheduled" ? "" : duration(task.milliseconds);
  const title = (task.name || firstLine(task.code) || task.engine).slice(0, LONGEST);
  const by = choiceName(task);
  return {
    taskId: task.taskId,
    execId: task.execId,
    title,
    by,
    label: `${task.taskId} ${title}`,
    description: [stateWord(task), percent, took].filter(Boolean).join(" · "),
    tooltip: [title, by, task.waitingReason, task.error].filter(Boolean).join("\n"),
    icon: ICONS[task.status] ?? "question",
    context: task.final ? "ended" : "running",
  };
}
