// Carries out each verb once; with `connect`, over a websocket where that can be.
import { NarthexError } from "../../../../gateway/client/js/narthex.js";
import { client, say, words } from "./started.mjs";

const made = client();
if (words.connect) await made.connect();
const said = { who: await made.who() };
const task = await made.execute("echo one; sleep 300", { hold: true });
said.held = (await made.status(task.execId)).status;
said.resumed = (await made.resume(task.execId)).state;
for await (const item of made.follow(task.taskId)) if (item.type === "line") break;
said.status = await made.status(task.taskId);
said.progress = await made.progress(task.execId);
said.page = await made.log(task.execId, { fromLine: 1 });
said.found = await made.search(task.taskId, "ONE", { ignoreCase: true });
said.before = await made.search(task.taskId, "one", { fromLine: 2, backward: true });
said.events = (await made.events(task.execId)).events.map((event) => event.event);
said.output = await (
  await fetch(made.outputUrl(task.taskId), { headers: { Authorization: `Bearer ${made.token}` } })
).text();
said.sessions = await made.sessions();
said.health = (await made.narthex("health")).parts.map((part) => [part.name, part.well]);
said.paged = (await made.page({ engine: "shell", size: 1 })).tasks.length;
said.listed = (await made.list({ states: ["Running"] })).some((row) => row.taskId === task.taskId);
said.killed = (await made.kill(task.execId, { grace: 0 })) === task.execId;
said.report = await made.killReport(task.execId, { wait: 20 });
said.described = await made.describe(task.taskId);
const once = [];
const varied = await made.execute("echo ${x}", { variables: true, values: { x: "put in" } });
for await (const item of made.follow(varied.execId)) if (item.type === "line") said.varied = item.text;
for (let i = 0; i < 2; i += 1) once.push(await made.execute("true", { requestId: words.id }));
said.once = once[0].taskId === once[1].taskId;
said.refusals = [];
for (const ask of [
  () => made.status("999999"),
  () => made.execute("x", { engine: "nonsense" }),
  () => made.follow("030418IDEhivebdpdwc010004:10087IDE_johnnwang_21").next(),
]) {
  const error = await ask().catch((reason) => reason);
  said.refusals.push([error instanceof NarthexError, error.code, error.passing]);
}
say(said);
made.close();
