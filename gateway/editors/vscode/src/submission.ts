/** Code on its way to the gateway: how it is submitted, and the span that tells of it. */

import type { Choice } from "./choices.js";
import type { Connection } from "./connection.js";
import type { Submitted } from "./narthex.js";
import { EditorSpan, send } from "./trace.js";

export interface Wanted {
  code: string;
  title: string;
  choice: Choice;
  /** Empty for what the engine does by itself, `none` for a process of its own, or a name. */
  session: string;
  /** Where spans go; null for nowhere. */
  collector: string | null;
}

/**
 * Submits code; waits while the gateway is away, until the signal is aborted.
 *
 * If spans are collected the task's hang below one of the editor. Else no context is sent: a parent that nobody has
 * would leave the trace without a top, where the gateway otherwise begins one.
 */
export async function submit(connection: Connection, wanted: Wanted, signal: AbortSignal): Promise<Submitted> {
  const { code, title: name, session, collector } = wanted;
  const { engine, language } = wanted.choice;
  const span = collector ? new EditorSpan("submit") : null;
  const report = (facts: Record<string, string | number>, fault = "") => {
    if (collector && span) void send(collector, span.ended({ "narthex.engine": engine, ...facts }, fault));
  };
  try {
    const client = await connection.patient(signal);
    const trace = span ? { traceparent: span.traceparent } : {};
    const found = await client.execute(code, { engine, language, session, name, signal, ...trace });
    report({ "narthex.task.number": found.taskId });
    return found;
  } catch (error) {
    report({}, error instanceof Error ? error.message : String(error));
    throw error;
  }
}
