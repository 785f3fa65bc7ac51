/**
 * The JavaScript client of Narthex: one module, nothing else needed, for browsers and Node.js.
 *
 * Follows a task to its end: every line once, in order, whatever happens to the connection. By
 * websocket while one can be had, else by long polling, and back. The place in the log is kept
 * here: after a break the next connection begins at the first line not yet told. Whether a refusal
 * is final is always asked over HTTP, where the code of the reply tells.
 *
 * Node.js before 22 has no global WebSocket: give one in the options, such as that of `ws`.
 */

const ROOT = "/api/rest_j/v1";
const ENTRANCE = `${ROOT}/entrance`;
const COOKIE = "linkis_user_session_ticket_id_v1";
const FINAL = new Set(["Succeed", "Failed", "Cancelled", "Timeout"]);
const PASSING = new Set([429, 502, 503, 504]);

const REPLY_SECONDS = 30;
const CONNECT_SECONDS = 10;
const ANSWER_SECONDS = 15;
const QUIET_SECONDS = 25;
const POLL_SECONDS = 20;
const POLL_LINES = 5000;
const USEFUL_SECONDS = 5;
const RENEW_SECONDS = 600;
const CREDIT_LINES = 5000;
const MOST_CREDIT = 100_000;
const CREDIT_BYTES = 4 * 2 ** 20;

/** The gateway refused what was asked, or answered what nobody can understand. */
export class NarthexError extends Error {
  /**
   * `status` is the envelope's number (-1 not logged in, 1 refused, 2 not well-formed, 3 not
   * permitted), `code` the HTTP status code, 0 if there was none.
   */
  constructor(message, { status = 0, code = 0, retryAfter = 0 } = {}) {
    super(message);
    this.name = "NarthexError";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the same question may be answered a little later. */
  get passing() {
    return PASSING.has(this.code);
  }
}

/** The gateway could not be reached, or the connection to it broke. */
export class ConnectionFailed extends NarthexError {
  constructor(message) {
    super(message);
    this.name = "ConnectionFailed";
  }

  get passing() {
    return true;
  }
}

/** Seconds from a clock that never goes back. */
const seconds = () => performance.now() / 1000;

/** Resolves after so many seconds, or rejects as soon as `signal` is aborted. */
function pause(length, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, length * 1000);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
  });
}

const taskPath = (task, verb) =>
  `${ENTRANCE}/${encodeURIComponent(task).replaceAll("%3A", ":")}/${verb}`;

const bytesOf = (base64) => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));

function whole(value, name) {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number)) {
    throw new NarthexError(`the gateway's answer has no ${name} that is a whole number`);
  }
  return number;
}

function list(value, name) {
  if (!Array.isArray(value)) {
    throw new NarthexError(`the gateway's answer has no ${name} that is an array`);
  }
  return value;
}

function readLine(row) {
  const data = row.base64 === undefined ? null : bytesOf(row.base64);
  return {
    type: "line",
    number: whole(row.n, "n"),
    time: whole(row.t, "t"),
    stream: row.s === "err" ? "err" : "out",
    text: data ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(data) : String(row.text ?? ""),
    bytes: data,
    part: row.part ?? 0,
    more: row.more ?? false,
  };
}

const readGaps = (data) => (data.gaps ?? []).map(([first, last]) => ({ first, last }));

const readProgress = (data) => ({
  fraction: Number(data.progress),
  stages: (data.progressInfo ?? []).map((row) => ({
    id: row.id ?? "",
    total: row.totalTasks ?? 0,
    succeeded: row.succeedTasks ?? 0,
    failed: row.failedTasks ?? 0,
    running: row.runningTasks ?? 0,
  })),
});

const readStatus = (task, data) => ({
  execId: data.execID ?? task,
  taskId: whole(data.taskID ?? 0, "taskID"),
  status: data.status,
  final: FINAL.has(data.status),
  exitCode: data.exitCode ?? null,
  signal: data.signal ?? null,
  waitingReason: data.waitingReason ?? "",
});

const readTask = (row) => ({
  taskId: whole(row.taskID, "taskID"),
  execId: row.strongerExecId || row.execId || "",
  status: row.status,
  final: FINAL.has(row.status),
  owner: row.umUser ?? "",
  engine: row.executeApplicationName ?? "",
  language: row.runType ?? "",
  createdTime: row.createdTime ?? 0,
  milliseconds: row.costTime ?? 0,
  progress: Number(row.progress ?? 0),
  error: row.errDesc ?? "",
  name: row.taskName || row.fileName || "",
  state: row.state ?? "",
  waitingReason: row.waitingReason ?? "",
  tags: row.tags ?? [],
  code: row.executionCode ?? "",
});

const readSession = (row) => ({
  id: row.id,
  user: row.user,
  engine: row.engineType,
  creator: row.creator ?? "",
  state: row.state,
  createdTime: row.createdTime ?? 0,
  lastUsedTime: row.lastUsedTime ?? 0,
  statements: row.statements ?? 0,
  task: row.task ?? "",
});

const readControlled = (task, data) => ({
  execId: data.execID ?? task,
  taskId: whole(data.taskID ?? 0, "taskID"),
  status: data.status,
  state: data.state,
  limitSeconds: data.limitSeconds ?? 0,
  tags: data.tags ?? [],
});

/** Why the gateway refused, without the number that stands before it. */
const refusalOf = (document) => document.data?.errorMsg?.desc || document.message || "";

function readDocument(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    document = null;
  }
  if (document === null || typeof document !== "object" || Array.isArray(document)) {
    throw new NarthexError("the gateway's answer is not a JSON object");
  }
  return document;
}

/** Where in the log a reader is; lets each line, and each part of a long one, pass once. */
class Place {
  #fresh = true;

  constructor(line) {
    this.line = line;
    this.part = 0;
  }

  /** The first part wanted of the line, 0 for the whole of it. */
  get nextPart() {
    return this.part ? this.part + 1 : 0;
  }

  /** What comes next answers a new question from this place on. */
  restarted() {
    this.#fresh = true;
  }

  /** Adds to `news` the lines not told before, and gaps for lines that are no longer kept. */
  admit(lines, gaps, news) {
    for (const line of lines) {
      const known = line.part > 0 && line.part <= this.part;
      if (line.number < this.line || (line.number === this.line && known)) continue;
      this.jump(line.number, gaps, news);
      if (line.part > this.part + 1) {
        throw new ConnectionFailed(`a part of line ${line.number} is missing`);
      }
      this.#fresh = false;
      if (line.more) [this.line, this.part] = [line.number, line.part];
      else [this.line, this.part] = [line.number + 1, 0];
      news.push(line);
    }
    for (const gap of gaps) {
      if (gap.first <= this.line && this.line <= gap.last) this.jump(gap.last + 1, gaps, news);
    }
  }

  /** Moves on to `line` if it is ahead and what lies between is known to be gone. */
  jump(line, gaps, news) {
    if (line <= this.line) return;
    const gone = gaps.some((gap) => gap.first <= this.line && line - 1 <= gap.last);
    if (!this.#fresh && !gone) throw new ConnectionFailed(`line ${this.line} is missing`);
    news.push({ type: "gap", first: this.line, last: line - 1 });
    [this.line, this.part] = [line, 0];
  }
}

/** What a websocket brings for one reader, in order; the credit bounds it. */
class Inbox {
  #messages = [];
  #wake = null;
  #error = null;

  push(message) {
    this.#messages.push(message);
    this.#wake?.();
  }

  fail(error) {
    this.#error ??= error;
    this.#wake?.();
  }

  /** The next message; what came before a failure is still told. */
  async next() {
    while (this.#messages.length === 0) {
      if (this.#error) throw this.#error;
      await new Promise((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
    return this.#messages.shift();
  }
}

/** One websocket: replies find their questions by tag, pushes their readers by execID. */
class Connection {
  #socket;
  #tag = 0;
  #receivedAt = seconds();
  #pending = new Map();
  #readers = new Map();
  #watch = null;
  #ended;

  /** `ended` is called once, when the socket is gone, and then `gone` is resolved. */
  constructor(ended) {
    this.gone = new Promise((resolve) => {
      this.#ended = () => {
        ended();
        resolve();
      };
    });
  }

  get open() {
    return this.#socket?.readyState === 1;
  }

  get idle() {
    return this.#readers.size === 0;
  }

  /** Keeps the one place of a reader of this task; whether it was free. */
  claim(execId) {
    const free = this.open && !this.#readers.has(execId);
    if (free) this.#readers.set(execId, null);
    return free;
  }

  async connect(WebSocketClass, url, token) {
    let socket;
    try {
      socket = new WebSocketClass(url);
    } catch (error) {
      // A browser that permits no websocket here, for one.
      throw new ConnectionFailed(`no websocket to ${url}: ${error.message}`);
    }
    this.#socket = socket;
    await new Promise((resolve, reject) => {
      const late = () => this.fail(`no websocket to ${url} within ${CONNECT_SECONDS} seconds`);
      const timer = setTimeout(late, CONNECT_SECONDS * 1000);
      this.#pending.set("", { resolve, reject, timer });
      socket.onopen = () => this.#settle("")?.resolve();
      socket.onmessage = (event) => this.#received(event.data);
      socket.onerror = () => this.fail(`no websocket to ${url}`);
      socket.onclose = (event) => this.fail(event.reason || "the websocket was closed");
    });
    if (token) await this.ask(`${ROOT}/user/login`, { token });
    this.#watch = setInterval(() => this.#keepAlive(), 1000);
    this.#watch.unref?.();
  }

  send(method, data, websocketTag, trace = {}) {
    if (!this.open) throw new ConnectionFailed("the websocket is closed");
    this.#socket.send(JSON.stringify({ method, data, websocketTag, ...trace }));
  }

  /** The reply to a question. `begin` is called with it before anything that follows it. */
  ask(method, data, begin = null, trace = {}) {
    const tag = `js-${(this.#tag += 1)}`;
    return new Promise((resolve, reject) => {
      const late = () => this.fail("the gateway did not answer by websocket");
      const timer = setTimeout(late, ANSWER_SECONDS * 1000);
      this.#pending.set(tag, { resolve, reject, timer, begin });
      try {
        this.send(method, data, tag, trace);
      } catch (error) {
        this.#settle(tag);
        reject(error);
      }
    });
  }

  /** Subscribes to a claimed task; its messages go to the inbox from the reply on. */
  async read(execId, data, inbox) {
    await this.ask(taskPath(execId, "subscribe"), data, (reply) => {
      this.#readers.set(execId, inbox);
      inbox.push(reply);
    });
  }

  /** Gives the place of a reader up, and the subscription unless it has ended. */
  leave(execId, ended) {
    this.#readers.delete(execId);
    if (this.open && !ended) this.ask(taskPath(execId, "unsubscribe"), {}).catch(() => {});
  }

  close() {
    this.#over(new ConnectionFailed("the client was closed"));
    this.#socket?.close(1000);
  }

  /** Ends it at once, without waiting for the other side. */
  fail(words) {
    this.#over(new ConnectionFailed(words));
    if (this.#socket?.terminate) this.#socket.terminate();
    else this.#socket?.close();
  }

  #over(error) {
    clearInterval(this.#watch);
    for (const tag of [...this.#pending.keys()]) this.#settle(tag).reject(error);
    for (const inbox of this.#readers.values()) inbox?.fail(error);
    this.#readers.clear();
    this.#ended?.();
    this.#ended = null;
  }

  #settle(tag) {
    const waiting = this.#pending.get(tag);
    this.#pending.delete(tag);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #received(frame) {
    this.#receivedAt = seconds();
    let message;
    try {
      message = readDocument(frame);
    } catch (error) {
      this.fail(error.message);
      return;
    }
    const tag = message.websocketTag;
    const waiting = tag ? this.#settle(tag) : undefined;
    if (waiting) {
      if (message.status === 0) {
        waiting.begin?.(message);
        waiting.resolve(message.data ?? {});
      } else {
        waiting.reject(new NarthexError(refusalOf(message), { status: message.status }));
      }
      return;
    }
    const [verb, name] = (message.method ?? "").split("/").reverse();
    if (message.status && verb === "subscribe") {
      this.#readers.get(decodeURIComponent(name))?.fail(new ConnectionFailed(refusalOf(message)));
      return;
    }
    this.#readers.get(message.data?.execID)?.push(message);
  }

  /** Browsers hide pings: a question notices a peer that is gone, and keeps the login alive. */
  #keepAlive() {
    if (seconds() - this.#receivedAt < QUIET_SECONDS) return;
    this.#receivedAt = seconds();
    this.ask(`${ROOT}/user/heartbeat`, {}).catch((error) => {
      if (!(error instanceof ConnectionFailed)) this.fail(error.message);
    });
  }
}

/** A gateway as one user sees it. Dispatches `connection` and `token` as CustomEvents. */
export class Client extends EventTarget {
  #base;
  #token;
  #fetch;
  #WebSocket;
  #options;
  #links = new Set();
  #opening = null;
  #renewing = null;
  #keeping = null;
  #stopped = new AbortController();

  constructor(options = {}) {
    super();
    const address = options.url ?? globalThis.location?.origin;
    if (!address) throw new TypeError("the option url names the gateway");
    const url = new URL(address);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError("the url of a gateway begins with http: or https:");
    }
    this.#base = url.origin + url.pathname.replace(/\/+$/, "");
    this.#token = options.token ?? "";
    this.#fetch = options.fetch ?? ((...words) => globalThis.fetch(...words));
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    this.#options = {
      patienceSeconds: 60,
      firstSeconds: 1.2,
      longestSeconds: 15,
      renewSeconds: RENEW_SECONDS,
      random: Math.random,
      ...options,
    };
    this.#keepRenewed();
  }

  /** The token in use; empty where the browser's cookie is the login. */
  get token() {
    return this.#token;
  }

  /** Logs in by password. A browser keeps the cookie; elsewhere the client keeps the token. */
  async login(user, password) {
    const body = { userName: user, password };
    const options = { body, anonymous: true };
    const { data, headers } = await this.#fetched("POST", `${ROOT}/user/login`, options);
    this.#taken(headers);
    this.#keepRenewed();
    return { user: data.userName ?? user, admin: data.isAdmin ?? false };
  }

  /**
   * Keeps a websocket open from now on, for calls as well; resolves when the first one is. While
   * none can be had, calls go over HTTP.
   */
  async connect() {
    if (!this.#WebSocket) throw new ConnectionFailed("no WebSocket is known here");
    this.#keeping ??= this.#keep().catch(() => {});
    if (![...this.#links].some((link) => link.open)) await this.#openOne();
  }

  /** Uses another token from now on, also on the sockets that are open. */
  async setToken(token) {
    this.#token = token;
    await Promise.all([...this.#links].filter((link) => link.open).map((link) =>
      link.ask(`${ROOT}/user/login`, { token }).catch((error) => link.fail(error.message)),
    ));
  }

  /** Ends the login and every connection. */
  async logout() {
    try {
      await this.#ask("POST", `${ROOT}/user/logout`, { body: {} });
    } finally {
      this.#token = "";
      for (const link of this.#links) link.close();
    }
  }

  /** Who is logged in. */
  async who() {
    const data = await this.#ask("GET", `${ROOT}/user/userInfo`);
    return { user: data.userName, admin: data.isAdmin ?? false };
  }

  /** Asks for a later end of the login, here and on the sockets that are open. */
  async renew() {
    const { headers } = await this.#fetched("POST", `${ROOT}/user/heartbeat`, { body: {} });
    const before = this.#token;
    this.#taken(headers);
    if (this.#token !== before) await this.setToken(this.#token);
    else {
      const open = [...this.#links].filter((link) => link.open);
      await Promise.allSettled(open.map((link) => link.ask(`${ROOT}/user/heartbeat`, {})));
    }
  }

  /** Submits code; the same requestId again gives the same task, so that a retry is safe. */
  async execute(code, options = {}) {
    const { engine = "shell", language = engine, session = "", hold = false } = options;
    const { values = {}, name = "", tags = [] } = options;
    const body = {
      executeApplicationName: engine,
      runType: language,
      executionCode: code,
      requestId: options.requestId ?? requestId(),
      params: {
        ...(session && { configuration: { special: { session } } }),
        ...(Object.keys(values).length && { variable: values }),
      },
      variables: options.variables ?? false,
      push: false,
    };
    if (hold) body.hold = true;
    if (name) body.taskName = name;
    if (tags.length) body.tags = tags;
    const { traceparent = "", tracestate = "", signal } = options;
    const trace = { ...(traceparent && { traceparent }), ...(tracestate && { tracestate }) };
    const data = await this.#ask("POST", `${ENTRANCE}/execute`, { body, signal, trace });
    return { type: "submitted", execId: data.execID, taskId: whole(data.taskID, "taskID") };
  }

  /** The status of a task, by execID or number. */
  async status(task) {
    return readStatus(task, await this.#ask("GET", taskPath(task, "status")));
  }

  /** How much of a task is done. */
  async progress(task) {
    return readProgress(await this.#ask("GET", taskPath(task, "progress")));
  }

  /** One page of lines; waits up to `wait` seconds for the first of them. */
  log(task, { fromLine = 1, fromPart = 0, size = 1000, wait = 0, signal } = {}) {
    return this.#patiently(() => this.#page(task, fromLine, fromPart, size, wait, signal), signal);
  }

  /**
   * Lines that hold a text, nearest first: from `fromLine` on, or before it with `backward`. The
   * gateway looks for a moment; while `more` is true the rest is asked for from `nextLine`.
   */
  async search(task, text, options = {}) {
    const { fromLine = 1, backward = false, ignoreCase = false, size = 100, signal } = options;
    const query = { text, fromLine, backward, ignoreCase, size };
    const data = await this.#ask("GET", taskPath(task, "search"), { query, signal });
    return {
      lines: list(data.lines, "lines").map(readLine),
      nextLine: whole(data.fromLine, "fromLine"),
      more: data.more === true,
    };
  }

  /** What happened to a task and what was asked of it, oldest first, after event number `after`. */
  async events(task, { after = 0, size = 1000 } = {}) {
    const data = await this.#ask("GET", taskPath(task, "events"), { query: { after, size } });
    return {
      events: list(data.events, "events").map(({ n, t, ...rest }) => ({ number: n, time: t, ...rest })),
      next: data.next ?? 0,
      more: data.more === true,
    };
  }

  /** Where the bytes of a stream, `stdout` or `stderr`, can be downloaded by whoever is logged in. */
  outputUrl(task, stream = "stdout") {
    return `${this.#base}${taskPath(task, "output")}?stream=${stream}`;
  }

  /** Where a result set can be downloaded as `csv` or `xlsx`. */
  resultUrl(path, type = "csv") {
    const words = new URLSearchParams({ path, outputFileType: type, outputFileName: "result" });
    return `${this.#base}${ROOT}/filesystem/resultsetToExcel?${words}`;
  }

  /** Warm sessions of the user, or of everybody for an administrator who asks `all`. */
  async sessions({ all = false } = {}) {
    const data = await this.#ask("GET", `${ENTRANCE}/sessions`, { query: { all } });
    return list(data.sessions, "sessions").map(readSession);
  }

  /** Ends a warm session and the statement in it. */
  async endSession(id) {
    const path = `${ENTRANCE}/sessions/${encodeURIComponent(id)}/kill`;
    return readSession((await this.#ask("POST", path, { body: {} })).session);
  }

  /** A call of `narthex/`, such as `health`, `queues`, `tokens`; with a body it is a change. */
  narthex(path, body) {
    return this.#ask(body ? "POST" : "GET", `${ROOT}/narthex/${path}`, body ? { body } : {});
  }

  /** Asks for a task to end, with `grace` seconds between the polite and the certain signal. */
  async kill(task, { grace } = {}) {
    const query = grace === undefined ? {} : { grace };
    const data = await this.#ask("POST", taskPath(task, "kill"), { query });
    return data.execID ?? task;
  }

  /** As `kill`; its report, after the end if that comes within `wait` seconds. */
  async killReport(task, { grace, wait = 0 } = {}) {
    const query = { report: true, wait, ...(grace === undefined ? {} : { grace }) };
    const limit = REPLY_SECONDS + wait;
    const data = await this.#ask("POST", taskPath(task, "kill"), { query, limit });
    return { execId: data.execID ?? task, status: data.status ?? "", ...data.report };
  }

  /** The report of a kill that was asked for by anybody; asks for none. */
  async readKill(task, { wait = 0 } = {}) {
    const limit = REPLY_SECONDS + wait;
    const data = await this.#ask("GET", taskPath(task, "killreport"), { query: { wait }, limit });
    return { execId: data.execID ?? task, status: data.status ?? "", ...data.report };
  }

  /** The names of the engines. */
  async engines() {
    return list((await this.#ask("GET", `${ROOT}/configuration/engineType`)).engineType, "engineType");
  }

  /** Keeps a task that waits from being started. */
  hold(task) {
    return this.#control(task, "hold");
  }

  /** Lets a held or suspended task go on. */
  resume(task) {
    return this.#control(task, "resume");
  }

  /** Stops a running task without ending it. */
  suspend(task) {
    return this.#control(task, "suspend");
  }

  /** The row of one task, which says in words why it failed. */
  async describe(task) {
    const path = `${ROOT}/jobhistory/${encodeURIComponent(task)}/get`;
    return readTask((await this.#ask("GET", path)).task ?? {});
  }

  /** The user's tasks, newest first; of everybody for an administrator who asks `all`. */
  async list(options = {}) {
    return (await this.page(options)).tasks;
  }

  /** As `list`, with the number of all that fit. */
  async page({ states = [], page = 1, size = 100, all = false, engine = "", user = "" } = {}) {
    const query = { pageNow: page, pageSize: size };
    if (states.length) query.status = states.join(",");
    if (all) query.isAdminView = true;
    if (engine) query.executeApplicationName = engine;
    if (user) query.proxyUser = user;
    const data = await this.#ask("GET", `${ROOT}/jobhistory/list`, { query });
    return { tasks: list(data.tasks, "tasks").map(readTask), total: data.totalPage ?? 0 };
  }

  /** The result sets of a task. */
  async results(task) {
    const { taskId } = await this.status(task);
    const query = { path: `narthex:///tasks/${taskId}/results` };
    const data = await this.#ask("GET", `${ROOT}/filesystem/getDirFileTrees`, { query });
    return list(data.dirFileTrees?.children ?? [], "children").map((row) => ({
      path: row.path,
      name: row.name,
      size: Number(row.properties?.size ?? 0),
    }));
  }

  /** A page of a result set that `results` named, from 1; a NULL is null. */
  async rows(path, { page = 1, size = 1000 } = {}) {
    const query = { path, page, pageSize: size, nullValue: "LINKIS_NULL" };
    const data = await this.#ask("GET", `${ROOT}/filesystem/openFile`, { query });
    return {
      kind: { 1: "text", 2: "table", 4: "picture", 5: "html" }[data.type] ?? data.type,
      columns: (data.metadata ?? []).map((column) => ({
        name: column.columnName,
        type: column.dataType,
        comment: column.comment ?? "",
      })),
      rows: list(data.fileContent ?? [], "fileContent"),
      page: data.page,
      pages: data.totalPage,
      totalRows: data.totalRow ?? null,
      complete: data.complete ?? true,
      truncated: data.truncated ?? false,
    };
  }

  /** Submits code and follows it; the first item is the accepted task. */
  async *run(code, options = {}) {
    const submitted = await this.execute(code, options);
    yield submitted;
    yield* this.follow(submitted.execId, options);
  }

  /** What happens to a task, one by one, until its end; see `news`. */
  async *follow(task, options = {}) {
    for await (const batch of this.news(task, options)) yield* batch;
  }

  /**
   * What happens to a task in batches: each line once and in order, then one end.
   *
   * A batch is acknowledged when the next one is asked for: a slow reader is sent no more than its
   * credit ahead.
   */
  async *news(task, options = {}) {
    const { signal, credit = CREDIT_LINES } = options;
    if (!(credit >= 1 && credit <= MOST_CREDIT)) {
      throw new RangeError(`credit must be between 1 and ${MOST_CREDIT}`);
    }
    let execId = String(task);
    if (/^\d+$/.test(execId)) ({ execId } = await this.status(execId));
    const place = new Place(options.fromLine ?? 1);
    const following = { execId, place, state: "", ended: false, reported: 0, contact: seconds() };
    let failures = 0;
    while (true) {
      const [began, reported] = [seconds(), following.reported];
      try {
        yield* this.#listen(following, options);
      } catch (error) {
        if (!(error instanceof NarthexError)) throw error;
      }
      if (following.ended) return;
      const useful = following.reported > reported || following.contact - began > USEFUL_SECONDS;
      failures = useful ? 0 : failures + 1;
      await this.#pause(this.#delay(0), signal);
      if (useful) continue;
      yield* this.#pollUntil(seconds() + this.#delay(failures), following, signal);
      if (following.ended) return;
    }
  }

  /** Ends every connection and every following. */
  close() {
    clearInterval(this.#renewing);
    this.#stopped.abort(new NarthexError("the client was closed"));
    for (const link of this.#links) link.close();
  }

  async *#listen(following, options) {
    const { execId, place } = following;
    const { credit = CREDIT_LINES, state = true, progress = true } = options;
    const { queue = false, partial = false } = options;
    const link = await this.#linkFor(execId, options.signal);
    const inbox = new Inbox();
    const stop = () => inbox.fail(options.signal.reason);
    options.signal?.addEventListener("abort", stop, { once: true });
    try {
      place.restarted();
      const data = { fromLine: place.line, format: "lines", text: "raw" };
      if (place.part) data.fromPart = place.nextPart;
      Object.assign(data, { credit, creditBytes: CREDIT_BYTES, state, progress, queue, partial });
      await link.read(execId, data, inbox);
      let [lines, size] = [0, 0];
      while (!following.ended) {
        const message = await inbox.next();
        following.contact = seconds();
        yield* report(following, (news) => readNews(message, following, news));
        if (following.ended || !message.method.endsWith("/lines")) continue;
        lines += message.data.lines.length;
        for (const row of message.data.lines) size += (row.base64 ?? row.text).length * 3;
        if (lines >= credit / 4 || size >= CREDIT_BYTES / 4) {
          const { line, part } = place;
          link.send(taskPath(execId, "ack"), part ? { line, part } : { line: line - 1 });
          [lines, size] = [0, 0];
        }
      }
    } finally {
      options.signal?.removeEventListener("abort", stop);
      link.leave(execId, following.ended);
      if (link.idle && !this.#keeping) link.close();
    }
  }

  async *#pollUntil(moment, following, signal) {
    let failures = 0;
    for (let left; !following.ended && (left = moment - seconds()) > 0; ) {
      try {
        yield* this.#poll(Math.min(POLL_SECONDS, left), following, signal);
        failures = 0;
      } catch (error) {
        if (!(error instanceof NarthexError)) throw error;
        const length = Math.max(this.#delay(failures), error.retryAfter);
        const giveUp = following.contact + this.#options.patienceSeconds;
        if (!error.passing || seconds() + length > giveUp) throw error;
        failures += 1;
        await this.#pause(length, signal);
      }
    }
  }

  async *#poll(wait, following, signal) {
    const { execId, place } = following;
    place.restarted();
    const page = await this.#page(execId, place.line, place.nextPart, POLL_LINES, wait, signal);
    following.contact = seconds();
    yield* report(following, (news) => {
      place.admit(page.lines, page.gaps, news);
      place.jump(page.nextLine, [], news);
      readState(page.status, following, news);
    });
    if (!page.eof) return;
    const { data } = await this.#fetched("GET", taskPath(execId, "status"), { signal });
    const { status, exitCode, signal: killed } = readStatus(execId, data);
    following.ended = true;
    yield [{ type: "end", last: page.last, status, exitCode, signal: killed }];
  }

  async #page(task, fromLine, fromPart, size, wait, signal) {
    const query = { format: "lines", text: "raw", fromLine, fromPart, size, wait: wait.toFixed(3) };
    const limit = REPLY_SECONDS + wait;
    const { data } = await this.#fetched("GET", taskPath(task, "log"), { query, limit, signal });
    return {
      lines: list(data.lines, "lines").map(readLine),
      gaps: readGaps(data),
      nextLine: whole(data.fromLine, "fromLine"),
      nextPart: data.fromPart ?? 0,
      first: data.first ?? 0,
      last: data.last ?? 0,
      eof: data.eof === true,
      status: data.status ?? "",
    };
  }

  async #control(task, verb) {
    return readControlled(task, await this.#ask("POST", taskPath(task, verb), { body: {} }));
  }

  /** An open link on which nobody reads the task: each task is read once on a socket. */
  async #linkFor(execId, signal) {
    if (!this.#WebSocket) throw new ConnectionFailed("no WebSocket is known here");
    await this.#opening?.catch(() => {});
    signal?.throwIfAborted();
    for (const link of this.#links) if (link.claim(execId)) return link;
    await this.#openOne();
    return this.#linkFor(execId, signal);
  }

  #openOne() {
    this.#opening ??= this.#opened().finally(() => (this.#opening = null));
    return this.#opening;
  }

  /** Opens a websocket whenever there is none, until the client is closed. */
  async #keep() {
    for (let failures = 0; !this.#stopped.signal.aborted; ) {
      try {
        const link = [...this.#links].find((each) => each.open) ?? (await this.#openOne());
        failures = 0;
        await link.gone;
      } catch (error) {
        if (!(error instanceof NarthexError)) throw error;
        failures += 1;
      }
      await this.#pause(this.#delay(failures));
    }
  }

  async #opened() {
    this.#stopped.signal.throwIfAborted();
    const link = new Connection(() => {
      const last = this.#links.delete(link) && this.#links.size === 0;
      if (last) this.#tell("connection", { open: false });
    });
    const url = `${this.#base.replace(/^http/, "ws")}/ws/api/entrance/connect?resume=false`;
    await link.connect(this.#WebSocket, url, this.#token).catch((error) => {
      link.fail(error.message);
      throw error;
    });
    this.#links.add(link);
    if (this.#links.size === 1) this.#tell("connection", { open: true });
    return link;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** By websocket if one is open, else over HTTP; what a websocket refuses is asked there again. */
  async #ask(method, path, options = {}) {
    const link = [...this.#links].find((each) => each.open);
    if (link && !options.limit && path.startsWith(ENTRANCE)) {
      try {
        return await link.ask(path, { ...options.query, ...options.body }, null, options.trace);
      } catch (error) {
        if (!(error instanceof NarthexError)) throw error;
      }
    }
    return this.#patiently(
      async () => (await this.#fetched(method, path, options)).data, options.signal,
    );
  }

  /** Every call may be repeated: reads and kills by nature, a submission by its request id. */
  async #patiently(work, signal) {
    const deadline = seconds() + this.#options.patienceSeconds;
    for (let failures = 0; ; failures += 1) {
      try {
        return await work();
      } catch (error) {
        const length = Math.max(this.#delay(failures), error.retryAfter ?? 0);
        if (!error.passing || seconds() + length > deadline) throw error;
        await this.#pause(length, signal);
      }
    }
  }

  async #fetched(method, path, options = {}) {
    const { query = {}, body, limit = REPLY_SECONDS, signal, anonymous = false } = options;
    const headers = { "Content-Language": "en", ...options.trace };
    if (this.#token && !anonymous) headers.Authorization = `Bearer ${this.#token}`;
    if (body) headers["Content-Type"] = "application/json";
    const words = new URLSearchParams(query).toString();
    const url = `${this.#base}${path}${words && "?"}${words}`;
    const ender = new AbortController();
    const timer = setTimeout(() => ender.abort(), limit * 1000);
    const stop = () => ender.abort();
    const stoppers = [this.#stopped.signal, ...(signal ? [signal] : [])];
    for (const each of stoppers) each.addEventListener("abort", stop);
    try {
      for (const each of stoppers) each.throwIfAborted();
      const reply = await this.#fetch(url, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal: ender.signal,
        credentials: this.#token ? "omit" : "same-origin",
        redirect: "error",
        cache: "no-store",
      });
      return readReply(reply, await reply.text());
    } catch (error) {
      for (const each of stoppers) each.throwIfAborted();
      if (error instanceof NarthexError) throw error;
      throw new ConnectionFailed(`no connection to ${this.#base}: ${error.message}`);
    } finally {
      clearTimeout(timer);
      for (const each of stoppers) each.removeEventListener("abort", stop);
    }
  }

  /** Keeps a fresh ticket where cookies can be read; a browser hides them and keeps them itself. */
  #taken(headers) {
    const found = headers.getSetCookie?.().find((each) => each.startsWith(`${COOKIE}=`));
    const token = found?.slice(COOKIE.length + 1).split(";")[0];
    if (!token) return;
    this.#token = token;
    this.#tell("token", { token });
  }

  #keepRenewed() {
    clearInterval(this.#renewing);
    this.#renewing = setInterval(() => {
      this.renew().catch((error) => this.#tell("trouble", { error }));
    }, this.#options.renewSeconds * 1000);
    this.#renewing.unref?.();
  }

  async #pause(length, signal) {
    const stopped = this.#stopped.signal;
    if (!signal) return pause(length, stopped);
    const both = new AbortController();
    const stop = () => both.abort((signal.aborted ? signal : stopped).reason);
    for (const each of [signal, stopped]) each.addEventListener("abort", stop);
    try {
      if (signal.aborted || stopped.aborted) stop();
      await pause(length, both.signal);
    } finally {
      for (const each of [signal, stopped]) each.removeEventListener("abort", stop);
    }
  }

  /** The pause after so many failures in a row: doubling, bounded, most of it chance. */
  #delay(failures) {
    const { firstSeconds, longestSeconds, random } = this.#options;
    const full = Math.min(longestSeconds, firstSeconds * 2 ** Math.min(failures, 20));
    return full * (0.1 + 0.9 * random());
  }
}

/** An id for a submission: a retry that repeats it starts nothing twice. */
export function requestId() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (each) => each.toString(16).padStart(2, "0")).join("");
}

/** Hands on what there is, and only then complains about the rest. */
function* report(following, read) {
  const news = [];
  let trouble = null;
  try {
    read(news);
  } catch (error) {
    trouble = error;
  }
  following.reported += news.length;
  if (news.length) yield news;
  if (trouble) throw trouble;
}

function readState(status, following, news) {
  if (!status || status === following.state) return;
  following.state = status;
  news.push({ type: "state", status });
}

function readNews(message, following, news) {
  const data = message.data ?? {};
  switch (message.method.split("/").pop()) {
    case "lines":
      following.place.admit(list(data.lines, "lines").map(readLine), readGaps(data), news);
      break;
    case "eof":
      following.place.jump(whole(data.last, "last") + 1, readGaps(data), news);
      following.ended = true;
      news.push({
        type: "end",
        last: data.last,
        status: data.status,
        exitCode: data.exitCode ?? null,
        signal: data.signal ?? null,
      });
      break;
    case "status":
    case "subscribe":
      readState(data.status, following, news);
      break;
    case "progress":
      news.push({ type: "progress", ...readProgress(data) });
      break;
    case "waitingSize":
      news.push({ type: "waiting", ahead: whole(data.waitingSize, "waitingSize") });
      break;
    case "partial":
      news.push({ type: "partial", number: data.n, stream: data.s, text: data.text });
      break;
    default:
  }
}

function readReply(reply, text) {
  const words = `the gateway answered HTTP ${reply.status} without an envelope`;
  const after = Number(reply.headers.get("retry-after"));
  const retryAfter = Number.isFinite(after) && after > 0 ? after : 0;
  let document;
  try {
    document = readDocument(text);
  } catch {
    throw new NarthexError(words, { code: reply.status, retryAfter });
  }
  if (document.status !== 0 || !reply.ok) {
    const status = Number.isInteger(document.status) ? document.status : 1;
    const details = { status, code: reply.status, retryAfter };
    throw new NarthexError(refusalOf(document) || words, details);
  }
  return { data: document.data ?? {}, headers: reply.headers };
}
