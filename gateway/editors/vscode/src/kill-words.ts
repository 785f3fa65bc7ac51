/** The report of a kill in words: who was signalled, what died when, and what is left. */

import type { KillReport } from "./narthex.js";

const MOST_NAMED = 12;
const PROOFS: Readonly<Record<string, string>> = {
  cgroup: "its control group is empty",
  reaper: "the parent of every orphan has no child any more",
  unstarted: "nothing was ever started",
  restart: "the machine was started anew",
  session: "the statement ended in a session that goes on",
};

function named(pids: readonly number[]): string {
  const first = pids.slice(0, MOST_NAMED).join(", ");
  return pids.length > MOST_NAMED ? `${first} and ${pids.length - MOST_NAMED} more` : first;
}

/** The verdict in one sentence. */
export function verdict(report: KillReport): string {
  if (report.state === "none") return "nobody has asked for this task to end";
  if (report.left.length) return `still there at the last look: ${named(report.left)}`;
  if (report.state === "killing") return "the task is being ended";
  if (!report.verified) return "it is not proved that nothing is left";
  const proof = report.proof ?? "";
  return `it is proved that nothing is left (${PROOFS[proof] ?? proof})`;
}

/** The report, a sentence each, in the order in which things happened, and the verdict last. */
export function killWords(report: KillReport): string[] {
  const begun = report.wishedTime || report.begunTime || 0;
  const after = (time: number) => (begun ? ` after ${Math.max(0, time - begun)} ms` : "");
  const steps: [number, string][] = report.signals.map((one) => [
    one.firstTime,
    `${one.name} to ${named(one.pids)}${after(one.firstTime)}`,
  ]);
  for (const one of report.died.slice(0, MOST_NAMED)) {
    const how = one.signal ? `signal ${one.signal}` : `exit code ${one.exitCode ?? "unknown"}`;
    steps.push([one.time, `process ${one.pid} ended by ${how}${after(one.time)}`]);
  }
  steps.sort(([one], [other]) => one - other);
  const words = steps.map(([, text]) => text);
  if (report.diedCount > MOST_NAMED) words.push(`${report.diedCount} processes died in all`);
  return [...words, verdict(report)];
}
