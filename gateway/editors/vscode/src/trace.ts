/**
 * The span at the top of a task's trace: what the editor did from the command until the task was submitted.
 *
 * It ends with the submission and not with the task, so that it is there however soon the window is closed. Follows
 * *Trace Context* of W3C and OTLP over HTTP in JSON; needs no library. Nothing of code or of file names is in it.
 */

const SECONDS = 5;
const CLIENT = 3;
const ERROR = 2;
const LONGEST = 1024;

export type Facts = Readonly<Record<string, string | number>>;

/** Where spans go as a person writes it into the settings; null for nowhere, an error says what is wrong. */
export function collectorAddress(written: string): string | null {
  const text = written.trim();
  if (!text) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new Error("narthex.traceCollector is the URL at which a collector takes OTLP over HTTP, or empty");
  }
  return url.href;
}

/** A span that has begun. */
export class EditorSpan {
  readonly traceId = hex(16);
  readonly spanId = hex(8);
  #begun = Date.now();
  #started = performance.now();

  constructor(readonly name: string) {}

  /** The place below it, sampled: whoever goes on from there records. */
  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-01`;
  }

  /** The request of OTLP that tells of it, now that it is over; `fault` is a sentence if it failed, else empty. */
  ended(facts: Facts, fault = ""): object {
    const begun = BigInt(this.#begun) * 1_000_000n;
    // The wall clock may be set meanwhile: how long it took is measured by the other one.
    const took = BigInt(Math.round((performance.now() - this.#started) * 1_000_000));
    const span = {
      traceId: this.traceId,
      spanId: this.spanId,
      name: this.name,
      kind: CLIENT,
      startTimeUnixNano: String(begun),
      endTimeUnixNano: String(begun + took),
      flags: 1,
      attributes: attributes(facts),
      status: fault ? { code: ERROR, message: fault.slice(0, LONGEST) } : {},
    };
    const scope = { name: "narthex-vscode" };
    const resource = { attributes: attributes({ "service.name": "narthex-vscode" }) };
    return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] };
  }
}

/** Hands a request of OTLP to a collector; whether it was taken. One that is away costs the span and nothing else. */
export async function send(collector: string, request: object): Promise<boolean> {
  try {
    const reply = await fetch(collector, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
      redirect: "error",
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
    await reply.arrayBuffer();
    return reply.ok;
  } catch {
    return false;
  }
}

function attributes(facts: Facts): object[] {
  return Object.entries(facts).map(([key, value]) => ({
    key,
    value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
  }));
}

/** So many random bytes in hex digits, never all zero. */
function hex(bytes: number): string {
  const found = crypto.getRandomValues(new Uint8Array(bytes));
  found[0] ||= 1;
  return Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
