/** Types of the JavaScript client of Narthex; what each call does is told in `narthex.js`. */

export interface ErrorDetails {
  status?: number;
  code?: number;
  retryAfter?: number;
}

/** The gateway refused what was asked, or answered what nobody can understand. */
export class NarthexError extends Error {
  constructor(message: string, details?: ErrorDetails);
  /** The envelope's number: -1 not logged in, 1 refused, 2 not well-formed, 3 not permitted. */
  readonly status: number;
  /** The HTTP status code, 0 if there was none. */
  readonly code: number;
  /** Seconds after which a repetition may succeed; 0 if the gateway named none. */
  readonly retryAfter: number;
  /** Whether the same question may be answered a little later. */
  get passing(): boolean;
}

/** The gateway could not be reached, or the connection to it broke. */
export class ConnectionFailed extends NarthexError {
  constructor(message: string);
}

/** What the client needs of a websocket class: that of browsers, of Node.js 22 or of `ws`. */
export type WebSocketClass = new (url: string) => {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number): void;
};

export interface ClientOptions {
  /** Where the gateway is, with `http:` or `https:`; by default where the page is from. */
  url?: string;
  /** A token; without one a browser's cookie counts. */
  token?: string;
  /** Needed where there is no global WebSocket, as in Node.js before 22. */
  WebSocket?: WebSocketClass;
  fetch?: typeof globalThis.fetch;
  /** The longest time without any sign of the gateway; 60. */
  patienceSeconds?: number;
  /** The longest pause after a first failure; 1.2. */
  firstSeconds?: number;
  /** The longest pause after any; 15. */
  longestSeconds?: number;
  /** How often the login is renewed; 600. */
  renewSeconds?: number;
  /** Numbers in [0, 1). */
  random?: () => number;
}

export interface User {
  user: string;
  admin: boolean;
}

export interface Submission {
  /** `shell` by default. */
  engine?: string;
  /** The same as the engine by default. */
  language?: string;
  /** A name for this submission; one is made by default. */
  requestId?: string;
  /** A warm session, or `none`. */
  session?: string;
  /** What people call it. */
  name?: string;
  tags?: string[];
  /** Keeps it from being started until it is resumed. */
  hold?: boolean;
  /** Whether variables are put into the code; false by default: it is run to the letter. */
  variables?: boolean;
  /** What the variables hold; only of use with `variables`. */
  values?: Record<string, string>;
  /** The span that it hangs below, as W3C's trace context has it. */
  traceparent?: string;
  tracestate?: string;
  signal?: AbortSignal;
}

export interface Submitted {
  type: "submitted";
  execId: string;
  taskId: number;
}

export type StatusWord =
  | "Inited"
  | "WaitForRetry"
  | "Scheduled"
  | "Running"
  | "Succeed"
  | "Failed"
  | "Cancelled"
  | "Timeout";

export interface Status {
  execId: string;
  taskId: number;
  status: StatusWord;
  final: boolean;
  exitCode: number | null;
  signal: number | null;
  waitingReason: string;
}

export interface Stage {
  id: string;
  total: number;
  succeeded: number;
  failed: number;
  running: number;
}

export interface Progress {
  /** From 0 to 1. */
  fraction: number;
  stages: Stage[];
}

export interface Line {
  type: "line";
  number: number;
  /** In ms since the epoch. */
  time: number;
  stream: "out" | "err";
  text: string;
  /** The bytes of a line that is not UTF-8, else null. */
  bytes: Uint8Array | null;
  /** From 1 for the parts of a long line, 0 for a whole one. */
  part: number;
  /** Whether another part of the same line follows. */
  more: boolean;
}

/** Lines that are no longer kept. */
export interface Gap {
  type: "gap";
  first: number;
  last: number;
}

export interface StateChanged {
  type: "state";
  status: StatusWord;
}

export interface ProgressChanged extends Progress {
  type: "progress";
}

/** How many tasks are before this one in the queue. */
export interface Waiting {
  type: "waiting";
  ahead: number;
}

/** A glimpse of a line that has not ended; the line itself comes when it does. */
export interface Partial {
  type: "partial";
  number: number;
  stream: "out" | "err";
  text: string;
}

/** The task is final and every line was told; `last` is the number of the last one. */
export interface End {
  type: "end";
  last: number;
  status: StatusWord;
  exitCode: number | null;
  signal: number | null;
}

export type News = Line | Gap | StateChanged | ProgressChanged | Waiting | Partial | End;

export interface FollowOptions {
  /** The first line wanted; 1. */
  fromLine?: number;
  /** How many lines may come ahead of what was taken, from 1 to 100,000; 5000. */
  credit?: number;
  /** Whether changes of state are told; true. */
  state?: boolean;
  /** Whether progress is told; true. */
  progress?: boolean;
  /** Whether the place in the queue is told; false. */
  queue?: boolean;
  /** Whether glimpses of the line that has not ended are told; false. */
  partial?: boolean;
  signal?: AbortSignal;
}

export interface LogOptions {
  fromLine?: number;
  fromPart?: number;
  size?: number;
  wait?: number;
  signal?: AbortSignal;
}

export interface LogPage {
  lines: Line[];
  gaps: { first: number; last: number }[];
  nextLine: number;
  nextPart: number;
  first: number;
  last: number;
  eof: boolean;
  status: StatusWord;
}

export interface SignalSent {
  signal: number;
  name: string;
  firstTime: number;
  lastTime: number;
  count: number;
  pids: number[];
}

export interface KillReport {
  execId: string;
  status: StatusWord;
  state: "none" | "killing" | "killed" | "ended";
  verified: boolean;
  proof?: string;
  wishedTime?: number;
  graceSeconds?: number;
  begunTime?: number;
  endedTime?: number;
  signals: SignalSent[];
  diedCount: number;
  died: { pid: number; time: number; exitCode: number | null; signal: number | null }[];
  left: number[];
}

export interface Controlled {
  execId: string;
  taskId: number;
  status: StatusWord;
  state: string;
  limitSeconds: number;
  tags: string[];
}

export interface TaskRow {
  taskId: number;
  execId: string;
  status: StatusWord;
  final: boolean;
  owner: string;
  engine: string;
  language: string;
  createdTime: number;
  milliseconds: number;
  progress: number;
  error: string;
  /** What the task or the script that it runs is called; empty if it has no name. */
  name: string;
  /** The gateway's own word, such as `held` or `suspended`. */
  state: string;
  /** Why it waits, one sentence; empty if it does not or nobody knows. */
  waitingReason: string;
  tags: string[];
  /** What was run, of one's own tasks only. */
  code: string;
}

export interface SearchOptions {
  /** Where to begin; 1. */
  fromLine?: number;
  /** Whether to look before that line, the nearest first; false. */
  backward?: boolean;
  /** Whether ASCII letters are alike in both cases; false. */
  ignoreCase?: boolean;
  /** How many lines at most, up to 1000; 100. */
  size?: number;
  signal?: AbortSignal;
}

export interface Matches {
  /** Each cut to what stands around the text. */
  lines: Line[];
  /** Where to go on. */
  nextLine: number;
  /** Whether there are lines on that side that were not looked at. */
  more: boolean;
}

export interface TaskEvent {
  number: number;
  time: number;
  event: string;
  state?: string;
  who?: string;
  reason?: string;
  seconds?: number;
  signal?: string;
}

export interface Session {
  id: string;
  user: string;
  engine: string;
  creator: string;
  state: "starting" | "idle" | "busy" | "ending";
  createdTime: number;
  lastUsedTime: number;
  statements: number;
  /** The task that runs in it, empty if none does. */
  task: string;
}

export interface ListOptions {
  states?: StatusWord[];
  page?: number;
  size?: number;
  /** Of everybody, for administrators. */
  all?: boolean;
  /** Of this engine only. */
  engine?: string;
  /** Of this user only, for administrators. */
  user?: string;
}

export interface ResultSet {
  path: string;
  name: string;
  size: number;
}

export interface ResultPage {
  kind: "text" | "table" | "picture" | "html";
  columns: { name: string; type: string; comment: string }[];
  rows: (string | null)[][];
  page: number;
  pages: number;
  totalRows: number | null;
  complete: boolean;
  truncated: boolean;
}

export interface ClientEvents {
  /** The first websocket is open, or the last one is gone. */
  connection: CustomEvent<{ open: boolean }>;
  /** A fresh token is in use: keep it instead of the one before. */
  token: CustomEvent<{ token: string }>;
  /** The login could not be renewed. */
  trouble: CustomEvent<{ error: Error }>;
}

/** A gateway as one user sees it. */
export class Client extends EventTarget {
  constructor(options?: ClientOptions);
  readonly token: string;
  connect(): Promise<void>;
  login(user: string, password: string): Promise<User>;
  setToken(token: string): Promise<void>;
  logout(): Promise<void>;
  who(): Promise<User>;
  renew(): Promise<void>;
  execute(code: string, options?: Submission): Promise<Submitted>;
  status(task: string | number): Promise<Status>;
  progress(task: string | number): Promise<Progress>;
  log(task: string | number, options?: LogOptions): Promise<LogPage>;
  kill(task: string | number, options?: { grace?: number }): Promise<string>;
  killReport(
    task: string | number,
    options?: { grace?: number; wait?: number },
  ): Promise<KillReport>;
  readKill(task: string | number, options?: { wait?: number }): Promise<KillReport>;
  engines(): Promise<string[]>;
  hold(task: string | number): Promise<Controlled>;
  resume(task: string | number): Promise<Controlled>;
  suspend(task: string | number): Promise<Controlled>;
  describe(task: string | number): Promise<TaskRow>;
  list(options?: ListOptions): Promise<TaskRow[]>;
  page(options?: ListOptions): Promise<{ tasks: TaskRow[]; total: number }>;
  search(task: string | number, text: string, options?: SearchOptions): Promise<Matches>;
  events(
    task: string | number,
    options?: { after?: number; size?: number },
  ): Promise<{ events: TaskEvent[]; next: number; more: boolean }>;
  outputUrl(task: string | number, stream?: "stdout" | "stderr"): string;
  resultUrl(path: string, type?: "csv" | "xlsx"): string;
  sessions(options?: { all?: boolean }): Promise<Session[]>;
  endSession(id: string): Promise<Session>;
  narthex(path: string, body?: object): Promise<Record<string, unknown>>;
  results(task: string | number): Promise<ResultSet[]>;
  rows(path: string, options?: { page?: number; size?: number }): Promise<ResultPage>;
  run(
    code: string,
    options?: Submission & FollowOptions,
  ): AsyncGenerator<Submitted | News, void, undefined>;
  follow(task: string | number, options?: FollowOptions): AsyncGenerator<News, void, undefined>;
  news(task: string | number, options?: FollowOptions): AsyncGenerator<News[], void, undefined>;
  close(): void;
  addEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: ClientEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** An id for a submission: a retry that repeats it starts nothing twice. */
export function requestId(): string;
