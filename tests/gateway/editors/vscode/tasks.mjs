// Runs code, kills it, reads the rows of the tree, and a result set page by page.
import { connection, load, say, standing, words } from "./started.mjs";

const { killWords } = await load("kill-words");
const { rowOf } = await load("task-rows");
const { readResult } = await load("result-page");
const { follow } = await load("follower");

const made = await connection();
await made.useToken(words.token);
await standing(made, (kind) => kind === "here");
const never = new AbortController().signal;
const client = await made.patient(never);

const endless = await client.execute("trap '' TERM; echo on; while :; do sleep 0.1; done", { name: "endless" });
const seen = new AbortController();
await follow(made, endless.execId, 10, () => {}, ({ news }) => {
  if (news.some((item) => item.type === "line")) seen.abort(new Error("enough"));
}, seen.signal).catch(() => {});
const rows = (await made.ask((each) => each.list({ size: 50 }))).map(rowOf);
const running = rows.find((row) => row.taskId === endless.taskId);
const report = await made.ask((each) => each.killReport(endless.execId, { grace: 0, wait: 20 }));
const killed = rowOf(await made.ask((each) => each.describe(String(endless.taskId))));

const table = await client.execute(words.code, { engine: "python", session: "none" });
await follow(made, table.execId, 10, () => {}, () => {}, never);
const sets = await made.ask((each) => each.results(table.execId));
const pages = [];
for (const page of [1, 2]) pages.push(await readResult(made, sets[0].path, page));
const others = [];
for (const set of sets.slice(1)) others.push(await readResult(made, set.path, 1));
const wrong = await readResult(made, `${sets[0].path}no`, 1);
say({ running, killed, report: killWords(report), pages, others, wrong });
made.close();
process.exit();
