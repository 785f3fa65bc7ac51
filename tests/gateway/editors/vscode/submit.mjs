// Submits code as the editor does, with a collector or without one, and says what came of it.
import { connection, load, say, standing, words } from "./started.mjs";

const { submit } = await load("submission");
const { collectorAddress } = await load("trace");

const made = await connection();
await made.useToken(words.token);
await standing(made, (kind) => kind === "here");
const wanted = { code: words.code, title: "a.sh", session: words.session ?? "", choice: words.choice };
const collector = collectorAddress(words.collector);
const stopper = new AbortController();
const found = await submit(made, { ...wanted, collector }, stopper.signal).catch((error) => ({ error: error.message }));
say(found);
made.close();
