// Submits with a place in a trace, by websocket with `connect` and else over HTTP.
import { client, say, words } from "./started.mjs";

const made = client();
if (words.connect) await made.connect();
const task = await made.execute("true", {
  traceparent: words.traceparent,
  tracestate: "vendor=1",
});
say(task.taskId);
await made.close();
