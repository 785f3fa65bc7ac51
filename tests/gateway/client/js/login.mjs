// Logs in by password, renews and changes the token on an open socket, and logs out.
import { client, say, words } from "./started.mjs";

const made = client({ token: "" });
const events = [];
for (const name of ["connection", "token"]) made.addEventListener(name, () => events.push(name));
const refusal = await made.login(words.user, "wrong").catch((error) => error);
const user = await made.login(words.user, words.password);
await made.connect();
await made.renew();
const task = await made.execute("read -r line < /dev/null; sleep 1; echo done");
const following = made.follow(task.execId);
const first = (await following.next()).value;
await made.setToken(words.fresh);
const rest = [first.type];
for await (const item of following) rest.push(item.type);
const asked = made.token === words.fresh && (await made.who());
await made.setToken("worthless");
const lost = await made.who().catch((error) => error);
await made.setToken(words.fresh);
await made.logout();
const after = await made.who().catch((error) => error);
say({ refusal: refusal.status, user, events, rest, asked, lost: lost.status, after: after.status });
made.close();
