/** Everything of one gateway in one window; another address makes another of these. */

import * as vscode from "vscode";

import { choiceName, readChoice, usual, type Choice } from "../choices.js";
import { Connection, type Secrets } from "../connection.js";
import { RunList, type Memory, type Run } from "../run-list.js";
import { submit } from "../submission.js";
import { collectorAddress } from "../trace.js";
import { Outputs } from "./output.js";
import { Status } from "./status.js";
import { TaskTree } from "./task-tree.js";

const CHOICE = "narthex.choice";
const SESSION = "narthex.session";

export class GatewayWindow implements vscode.Disposable {
  readonly connection: Connection;
  readonly outputs: Outputs;
  readonly tree: TaskTree;
  readonly runs: RunList;
  #status = new Status();
  #parts: vscode.Disposable[] = [];

  constructor(
    address: string,
    secrets: Secrets & Pick<vscode.SecretStorage, "onDidChange">,
    private readonly memory: Memory,
  ) {
    this.connection = new Connection(address, secrets);
    this.runs = new RunList(memory);
    this.outputs = new Outputs(this.connection, this.runs);
    this.tree = new TaskTree(this.connection);
    const stop = this.connection.onChange(() => this.#draw());
    this.#parts.push(
      this.tree,
      this.outputs,
      this.#status,
      new vscode.Disposable(stop),
      this.outputs.onChange(() => this.#draw()),
      this.outputs.onEnd(() => void this.tree.refresh()),
      vscode.window.onDidChangeActiveTextEditor(() => this.#draw()),
      secrets.onDidChange(() => void this.connection.begin()),
    );
    this.#draw();
    void this.connection.begin();
    this.outputs.resume();
  }

  /** What a document is run by: what was chosen, else by its language. */
  choiceFor(document: vscode.TextDocument): Choice {
    return this.chosen ?? usual(document.languageId);
  }

  get chosen(): Choice | null {
    return readChoice(this.memory.get(CHOICE));
  }

  /** Empty for what the engine does by itself, `none` for a process of its own, or a name. */
  get session(): string {
    return String(this.memory.get<unknown>(SESSION) ?? "");
  }

  async choose(choice: Choice | null): Promise<void> {
    await this.memory.update(CHOICE, choice ?? undefined);
    this.#draw();
  }

  async chooseSession(session: string): Promise<void> {
    await this.memory.update(SESSION, session);
    this.#draw();
  }

  /** Submits code and shows its output; waits while the gateway is away. */
  async run(code: string, title: string, choice: Choice, signal: AbortSignal): Promise<Run> {
    const written = vscode.workspace.getConfiguration("narthex").get("traceCollector", "");
    const wanted = { code, title, choice, session: this.session, collector: collectorAddress(written) };
    const submitted = await submit(this.connection, wanted, signal);
    const run: Run = {
      address: this.connection.address,
      execId: submitted.execId,
      taskId: submitted.taskId,
      title,
      by: choiceName(choice),
      ended: false,
    };
    this.outputs.show(run);
    void this.tree.refresh();
    return run;
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
    this.connection.close();
  }

  #draw(): void {
    void vscode.commands.executeCommand("setContext", "narthex.standing", this.connection.standing.kind);
    this.#status.gateway(this.connection, this.outputs.activities);
    const document = vscode.window.activeTextEditor?.document;
    this.#status.choice(document ? this.choiceFor(document) : null, this.session);
  }
}
