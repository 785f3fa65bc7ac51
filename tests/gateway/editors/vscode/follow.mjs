// A window of the editor that shows one task in its channel, that of the window before if there was one.
import { connection, load, Memory, say, Secrets, standing, told, words } from "./started.mjs";

const { follow } = await load("follower");
const { Printer } = await load("printer");
const { RunList } = await load("run-list");

const secrets = new Secrets();
const made = await connection(secrets);
made.onChange(() => say({ standing: made.standing.kind }));
await made.useToken(words.token);
const runs = new RunList(new Memory(words.memory));
let [run] = runs.of(made.address);
if (!run) {
  const { task: execId, taskId } = words;
  run = { address: made.address, execId, taskId, title: "", by: "", ended: false };
  runs.add(run);
}
if (words.expires) {
  await standing(made, (kind) => kind === "here");
  void standing(made, (kind) => kind === "logged out").then(async () => made.useToken(await told()));
}
const printer = new Printer();
const begin = ({ line }) => say({ from: line });
const tell = ({ news }) => say({ text: printer.text(news) });
const end = await follow(made, run.execId, words.most ?? 1_000_000, begin, tell, new AbortController().signal);
runs.end(run);
say({ end: end.status });
made.close();
process.exit();
