// Runs code that leaves a table, and reads it page by page.
import { client, say, words } from "./started.mjs";

const made = client();
const told = [];
let number = 0;
for await (const item of made.run(words.code, { engine: "python", session: "none" })) {
  told.push(item.type);
  number = item.taskId ?? number;
}
const [set] = await made.results(number);
const pages = [];
for (let page = 1; page <= 3; page += 1) pages.push(await made.rows(set.path, { page, size: 2 }));
say({ told, pages });
made.close();
