// What each program here begins with: its words, and a client made of them.
import { Client } from "../../../../gateway/client/js/narthex.js";

export const words = JSON.parse(process.argv[2]);

export const WebSocketClass = words.ws ? (await import(words.ws)).default : globalThis.WebSocket;

export const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

export function client(options = {}) {
  const { url, token } = words;
  return new Client({ url, token, WebSocket: WebSocketClass, firstSeconds: 0.2, ...options });
}
