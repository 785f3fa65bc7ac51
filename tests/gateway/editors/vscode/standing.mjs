// Says how the gateway is, each time that it is another way, until it was away and is back.
import { connection, say, standing, words } from "./started.mjs";

const made = await connection();
made.onChange(() => say(made.standing.kind));
await made.useToken(words.token);
await standing(made, (kind) => kind === "here");
await standing(made, (kind) => kind === "away");
await standing(made, (kind) => kind === "here");
made.close();
process.exit();
