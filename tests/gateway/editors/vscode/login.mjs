// Logs in by password for a short time, is renewed, finds the token again, logs out.
import { connection, load, say, Secrets, standing, words } from "./started.mjs";

const { secretName } = await load("address");
const secrets = new Secrets();
const first = await connection(secrets, { renewSeconds: 0.5 });
await first.begin();
const beginning = first.standing.kind;
const refused = await first.login(words.user, "no such password").then(() => "taken", (error) => error.message);
const needed = await first.ask((client) => client.who()).catch((error) => error.name);
await first.login(words.user, words.password);
const { user } = await standing(first, (kind) => kind === "here");
const kept = secrets.kept.get(secretName(words.url));
while (secrets.kept.get(secretName(words.url)) === kept) await new Promise((resolve) => setTimeout(resolve, 50));
const names = [...secrets.kept.keys()];
first.close();

const second = await connection(secrets);
await second.begin();
const found = (await standing(second, (kind) => kind === "here")).user;
await second.logout();
const after = second.standing.kind;
second.close();
say({ beginning, refused, needed, user, found, names, after, left: secrets.kept.size });
process.exit();
