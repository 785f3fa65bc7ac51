// Says all that a following of a task is told; `without` takes the websocket away.
import { client, say, words } from "./started.mjs";

const none = class {
  constructor() {
    throw new Error("no websocket can be made here");
  }
};
const made = client(words.without ? { WebSocket: none } : {});
for await (const item of made.follow(words.task, words.options)) {
  say(item.bytes ? { ...item, bytes: [...item.bytes] } : item);
}
made.close();
