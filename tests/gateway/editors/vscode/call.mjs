// Calls functions of the extension's modules and says what they return.
import { load, say, words } from "./started.mjs";

const found = [];
for (const [module, name, args] of words.calls) {
  try {
    found.push((await load(module))[name](...args));
  } catch (error) {
    found.push({ error: error.message });
  }
}
say(found);
