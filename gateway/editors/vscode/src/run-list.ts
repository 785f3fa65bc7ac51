/** The runs whose output is shown, kept so that a window that was loaded anew goes on with them. */

/** What is kept for a workspace; the editor's state of one is such. */
export interface Memory {
  get<T>(key: string): T | undefined;
  update(key: string, value: unknown): PromiseLike<void>;
}

export interface Run {
  /** The gateway that it runs at. */
  address: string;
  execId: string;
  taskId: number;
  /** What people call it. */
  title: string;
  /** By what it is run, for people. */
  by: string;
  /** Whether its end was shown. */
  ended: boolean;
}

const KEY = "narthex.runs";
const MOST = 10;

function readRun(kept: unknown): Run[] {
  const { address, execId, taskId, title, by, ended } = (kept ?? {}) as Partial<Record<keyof Run, unknown>>;
  if (typeof address !== "string" || typeof execId !== "string" || !execId) return [];
  if (!Number.isSafeInteger(taskId)) return [];
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return [{ address, execId, taskId: Number(taskId), title: text(title), by: text(by), ended: ended === true }];
}

/** The runs in the order in which they began; the oldest ones go when there are more than ten. */
export class RunList {
  #runs: Run[];
  #saving = false;
  #dirty = false;

  constructor(private readonly memory: Memory) {
    const kept = memory.get<unknown>(KEY);
    this.#runs = (Array.isArray(kept) ? kept : []).flatMap(readRun).slice(-MOST);
  }

  /** Those of one gateway. */
  of(address: string): readonly Run[] {
    return this.#runs.filter((run) => run.address === address);
  }

  find(address: string, taskId: number): Run | undefined {
    return this.#runs.find((run) => run.address === address && run.taskId === taskId);
  }

  /** Adds a run, and gives those that went for it: ended ones before others. */
  add(run: Run): Run[] {
    this.#runs.push(run);
    const gone: Run[] = [];
    while (this.#runs.length > MOST) {
      const ended = this.#runs.findIndex((each) => each.ended);
      gone.push(...this.#runs.splice(Math.max(0, ended), 1));
    }
    this.#save();
    return gone;
  }

  remove(run: Run): void {
    this.#runs = this.#runs.filter((each) => each !== run);
    this.#save();
  }

  /** Notes that the end of a run was shown. */
  end(run: Run): void {
    run.ended = true;
    this.#save();
  }

  /** One writing at a time; what changed meanwhile is written once after it. */
  #save(): void {
    this.#dirty = true;
    if (this.#saving) return;
    this.#saving = true;
    void this.#saved().finally(() => (this.#saving = false));
  }

  async #saved(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      await this.memory.update(KEY, structuredClone(this.#runs));
    }
  }
}
