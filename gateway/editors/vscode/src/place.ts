/** Where a reader is in a log: what was told is not told again, whatever breaks. */

import type { News } from "./narthex.js";

/** The next line that is wanted, and how many parts of it were told. */
export interface Place {
  line: number;
  part: number;
}

/** Where a channel begins that may show so many of the lines that there are, the last ones. */
export const startOf = (last: number, most: number): Place => ({
  line: Math.max(1, last - Math.max(1, most) + 1),
  part: 0,
});

/** The news that this place has not seen, and the place after it. */
export function advanced(before: Readonly<Place>, news: readonly News[]): [News[], Place] {
  let { line, part } = before;
  const fresh = news.filter((item) => {
    if (item.type === "gap") {
      if (item.last < line) return false;
      [line, part] = [item.last + 1, 0];
    } else if (item.type === "line") {
      if (item.number < line || (item.number === line && part > 0 && item.part <= part)) return false;
      [line, part] = item.more ? [item.number, item.part] : [item.number + 1, 0];
    }
    return true;
  });
  return [fresh, { line, part }];
}
