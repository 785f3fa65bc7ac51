/** Follows one task to its end: every line once, in order, whatever happens to the gateway. */

import type { Connection } from "./connection.js";
import { passing } from "./connection.js";
import { NarthexError, type End, type News } from "./narthex.js";
import { advanced, startOf, type Place } from "./place.js";

const PAUSE_MS = 1000;

/** What is known of a following while it goes on. */
export interface Report {
  news: News[];
  /** Where to go on after these. */
  place: Place;
}

/**
 * Tells what happens to a task, from the last so many of its lines on, and resolves to its end.
 *
 * `begin` is told first where that is. While the gateway is away it waits, and while nobody is
 * logged in as well. What the gateway refuses for good is thrown, and the signal's reason when it
 * is aborted.
 */
export async function follow(
  connection: Connection,
  execId: string,
  most: number,
  begin: (from: Readonly<Place>) => void,
  tell: (report: Report) => void,
  signal: AbortSignal,
): Promise<End> {
  let place: Place | null = null;
  for (;;) {
    const client = await connection.patient(signal);
    try {
      if (!place) {
        const { last } = await client.log(execId, { size: 1, signal });
        place = startOf(last, most);
        begin(place);
      }
      for await (const batch of client.news(execId, { fromLine: place.line, queue: true, signal })) {
        const [news, after]: [News[], Place] = advanced(place, batch);
        place = after;
        if (news.length) tell({ news, place: after });
        const last = news.at(-1);
        if (last?.type === "end") return last;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof NarthexError)) throw error;
      if (error.status === -1) connection.refused(client);
      else if (!passing(error) && client === (await connection.patient(signal))) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
