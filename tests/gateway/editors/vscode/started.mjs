// What each program here begins with: its words, stores in memory, and a connection over them.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

export const words = JSON.parse(process.argv[2]);

export const load = (name) => import(`${words.out}/${name}.js`);

export const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const WebSocketClass = words.ws ? (await import(words.ws)).default : globalThis.WebSocket;

/** The editor's secret storage, for one process. */
export class Secrets {
  kept = new Map();
  async get(key) {
    return this.kept.get(key);
  }
  async store(key, value) {
    this.kept.set(key, value);
  }
  async delete(key) {
    this.kept.delete(key);
  }
}

/** The editor's state of a workspace: a file that outlives the process. */
export class Memory {
  #path;
  constructor(path) {
    this.#path = path;
  }
  get(key) {
    try {
      return JSON.parse(readFileSync(this.#path, "utf8"))[key];
    } catch {
      return undefined;
    }
  }
  async update(key, value) {
    writeFileSync(`${this.#path}.new`, JSON.stringify({ [key]: value }));
    renameSync(`${this.#path}.new`, this.#path);
  }
}

export async function connection(secrets = new Secrets(), options = {}) {
  const { Connection } = await load("connection");
  return new Connection(words.url, secrets, { WebSocket: WebSocketClass, firstSeconds: 0.2, ...options });
}

/** Resolves as soon as the standing fits. */
export async function standing(made, fits) {
  while (!fits(made.standing.kind)) {
    await new Promise((resolve) => {
      const stop = made.onChange(() => {
        stop();
        resolve();
      });
    });
  }
  return made.standing;
}

/** The next line that the test writes. */
export async function told() {
  for await (const line of createInterface({ input: process.stdin })) return line;
  return "";
}
