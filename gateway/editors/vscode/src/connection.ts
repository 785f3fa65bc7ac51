/**
 * One gateway and the login at it: keeps the token, says whether the gateway is there, and begins
 * again by itself. It never shows anything; who listens does.
 */

import { secretName } from "./address.js";
import { Client, ConnectionFailed, NarthexError, type ClientOptions } from "./narthex.js";

/** Where tokens are kept; the editor's secret storage is one. */
export interface Secrets {
  get(key: string): PromiseLike<string | undefined>;
  store(key: string, value: string): PromiseLike<void>;
  delete(key: string): PromiseLike<void>;
}

export type Standing =
  | { kind: "beginning" }
  | { kind: "logged out" }
  | { kind: "here"; user: string }
  | { kind: "away"; since: Date };

/** There is no token, or the gateway takes it no longer. */
export class LoginNeeded extends Error {
  constructor() {
    super("log in to the gateway first");
    this.name = "LoginNeeded";
  }
}

const PATIENCE_SECONDS = 3;
const PROBE_MS = 1500;
const CALM_MS = 5000;
const NEVER_SECONDS = 2_000_000;

/** Whether the same may go well a little later. */
export const passing = (error: unknown): boolean => error instanceof NarthexError && error.passing;

const loginRefused = (error: unknown): boolean =>
  error instanceof NarthexError && error.status === -1;

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

interface Clients {
  /** Waits for the gateway as long as it takes. */
  patient: Client;
  /** For questions that somebody waits for. */
  quick: Client;
}

export class Connection {
  #standing: Standing = { kind: "beginning" };
  #clients: Clients | null = null;
  #listeners = new Set<() => void>();
  #probing = false;
  #open = false;
  #closed = false;

  constructor(
    readonly address: string,
    private readonly secrets: Secrets,
    private readonly options: ClientOptions = {},
  ) {}

  get standing(): Standing {
    return this.#standing;
  }

  /** Calls back after each change of the standing, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins with the token that is kept, if there is one; also after another window changed it. */
  async begin(): Promise<void> {
    // A store that cannot be read, as that of a locked keyring, is one without a token.
    const token = await Promise.resolve(this.secrets.get(secretName(this.address))).catch(() => undefined);
    if (this.#closed || (token && token === this.#clients?.patient.token)) return;
    if (token) this.#use(token);
    else this.#loggedOut();
  }

  /** Logs in by password; what is kept is a token. */
  async login(user: string, password: string): Promise<void> {
    const client = this.#client({ patienceSeconds: PATIENCE_SECONDS });
    try {
      await client.login(user, password);
      await this.#keep(client.token);
    } finally {
      client.close();
    }
  }

  /** Logs in by a token, which must be good. */
  async useToken(token: string): Promise<void> {
    const client = this.#client({ token, patienceSeconds: PATIENCE_SECONDS });
    try {
      await client.who();
      await this.#keep(token);
    } finally {
      client.close();
    }
  }

  /** Forgets the token here, and ends it at the gateway if that can be reached. */
  async logout(): Promise<void> {
    const quick = this.#clients?.quick;
    await this.secrets.delete(secretName(this.address));
    await quick?.logout().catch(() => {});
    this.#loggedOut();
  }

  /** The client that waits for the gateway, as soon as somebody is logged in. */
  async patient(signal: AbortSignal): Promise<Client> {
    while (!this.#clients) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const done = () => {
          stop();
          signal.removeEventListener("abort", done);
          resolve();
        };
        const stop = this.onChange(done);
        signal.addEventListener("abort", done);
      });
    }
    signal.throwIfAborted();
    return this.#clients.patient;
  }

  /** Asks a question that somebody waits for; fails soon if the gateway is away. */
  async ask<T>(work: (client: Client) => Promise<T>): Promise<T> {
    if (!this.#clients) throw new LoginNeeded();
    const { patient, quick } = this.#clients;
    try {
      return await work(quick);
    } catch (error) {
      if (loginRefused(error)) {
        this.refused(patient);
        throw new LoginNeeded();
      }
      if (error instanceof ConnectionFailed) this.#probe();
      throw error;
    }
  }

  /** Takes note that the gateway did not take the token of this client. */
  refused(client: Client): void {
    if (this.#clients?.patient === client) this.#loggedOut();
  }

  close(): void {
    this.#closed = true;
    this.#end();
    this.#listeners.clear();
  }

  #client(options: ClientOptions): Client {
    return new Client({ url: this.address, renewSeconds: NEVER_SECONDS, ...this.options, ...options });
  }

  async #keep(token: string): Promise<void> {
    this.#use(token);
    await this.secrets.store(secretName(this.address), token);
  }

  #use(token: string): void {
    this.#end();
    if (this.#closed) return;
    const { renewSeconds = 600 } = this.options;
    const patient = this.#client({ token, patienceSeconds: Infinity, renewSeconds });
    const quick = this.#client({ token, patienceSeconds: PATIENCE_SECONDS });
    this.#clients = { patient, quick };
    const mine = () => this.#clients?.patient === patient;
    patient.addEventListener("token", ({ detail }) => {
      if (!mine()) return;
      void quick.setToken(detail.token);
      void this.secrets.store(secretName(this.address), detail.token);
    });
    patient.addEventListener("trouble", ({ detail }) => {
      if (loginRefused(detail.error)) this.refused(patient);
    });
    this.#open = false;
    patient.addEventListener("connection", ({ detail }) => {
      if (!mine()) return;
      this.#open = detail.open;
      this.#probe();
    });
    patient.connect().catch(() => {});
    this.#probe();
    this.#changed();
  }

  /**
   * Asks whether the gateway is there until it is, and as long as there is no websocket: one that
   * is shut down may close its websockets before it answers no more. One asks at a time.
   */
  #probe(): void {
    if (this.#probing) return;
    this.#probing = true;
    void this.#probed().finally(() => (this.#probing = false));
  }

  async #probed(): Promise<void> {
    while (this.#clients) {
      const { patient, quick } = this.#clients;
      try {
        const { user } = await quick.who();
        if (this.#clients?.patient !== patient) continue;
        if (this.#standing.kind !== "here" || this.#standing.user !== user) this.#become({ kind: "here", user });
        if (this.#open) return;
        await pause(CALM_MS);
      } catch (error) {
        if (this.#clients?.patient !== patient) continue;
        if (loginRefused(error)) return this.#loggedOut();
        if (this.#standing.kind !== "away") this.#become({ kind: "away", since: new Date() });
        await pause(PROBE_MS);
      }
    }
  }

  #loggedOut(): void {
    this.#end();
    this.#become({ kind: "logged out" });
  }

  #end(): void {
    const clients = this.#clients;
    this.#clients = null;
    clients?.patient.close();
    clients?.quick.close();
  }

  #become(standing: Standing): void {
    this.#standing = standing;
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
