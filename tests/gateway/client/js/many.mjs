// Follows several tasks on one websocket, one of them twice, gives one up, and stops one.
import { client, say, WebSocketClass, words } from "./started.mjs";

let sockets = 0;
class Counted extends WebSocketClass {
  constructor(url) {
    super(url);
    sockets += 1;
  }
}
const made = client({ WebSocket: Counted });
await made.connect();
const all = async (task, options) => {
  const numbers = [];
  for await (const item of made.follow(task, options)) {
    if (item.type === "line") numbers.push(item.number);
  }
  return numbers;
};
for await (const item of made.follow(words.tasks[0])) if (item.number === 3) break;
const read = await Promise.all([...words.tasks, words.tasks[0]].map((task) => all(task)));
const again = await all(words.tasks[0], { fromLine: 2, credit: 1 });
const stop = new AbortController();
const stopped = all(words.endless, { signal: stop.signal }).catch((error) => error.message);
setTimeout(() => stop.abort(new Error("enough")), 300);
say({ read, again, stopped: await stopped, sockets });
made.close();
