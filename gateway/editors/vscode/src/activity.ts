/** What runs just now, in the few words that a status bar has room for. */

import type { News, Progress } from "./narthex.js";

/** The status of a task. */
export interface Activity {
  taskId: number;
  title: string;
  progress: Progress | null;
  /** How many tasks are before it; null when it does not wait. */
  ahead: number | null;
}

/** Takes note of news. */
export function noted(activity: Activity, news: readonly News[]): void {
  for (const item of news) {
    if (item.type === "progress") activity.progress = item;
    else if (item.type === "waiting") activity.ahead = item.ahead;
    else if (item.type === "line" || (item.type === "state" && item.status === "Running")) activity.ahead = null;
  }
}

/** What is said of the tasks that run; empty if there are none. */
export function activityWords(activities: readonly Activity[]): string {
  const [first] = activities;
  if (!first) return "";
  if (activities.length > 1) return `${activities.length} tasks`;
  if (first.ahead !== null) return `${first.taskId}: ${first.ahead ? `${first.ahead} ahead` : "next in the queue"}`;
  const fraction = first.progress?.fraction ?? 0;
  return fraction > 0 ? `${first.taskId}: ${Math.floor(fraction * 100)} %` : `${first.taskId} runs`;
}

/** A task and its stages, a line each. */
export function stageWords({ taskId, title, progress }: Activity): string {
  const stages = progress?.stages ?? [];
  const words = stages.map(
    (one) => `${one.id}: ${one.succeeded} of ${one.total}, ${one.running} running, ${one.failed} failed`,
  );
  return [`task ${taskId} · ${title}`, ...words].join("\n");
}
