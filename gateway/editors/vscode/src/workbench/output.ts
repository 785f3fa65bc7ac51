/** The output channels: one for each task that is shown, followed until its end. */

import * as vscode from "vscode";

import { noted, type Activity } from "../activity.js";
import type { Connection } from "../connection.js";
import { follow } from "../follower.js";
import { outcome, Printer, remark } from "../printer.js";
import type { Run, RunList } from "../run-list.js";

interface Shown {
  channel: vscode.OutputChannel;
  printer: Printer;
  stopper: AbortController;
}

const mostLines = (): number =>
  Math.max(1000, vscode.workspace.getConfiguration("narthex").get("outputLines", 100_000));

export class Outputs implements vscode.Disposable {
  #shown = new Map<Run, Shown>();
  #activities = new Map<Run, Activity>();
  #changed = new vscode.EventEmitter<void>();
  #ended = new vscode.EventEmitter<Run>();

  /** An activity is another one. */
  readonly onChange = this.#changed.event;
  /** A task has ended, and all of its lines are shown. */
  readonly onEnd = this.#ended.event;

  constructor(
    private readonly connection: Connection,
    private readonly runs: RunList,
  ) {}

  get activities(): Activity[] {
    return [...this.#activities.values()];
  }

  /** Shows again what was shown before the window was loaded anew: channels do not outlive that. */
  resume(): void {
    for (const run of this.runs.of(this.connection.address)) {
      this.#begin(run);
    }
  }

  /** Shows a task, from its last lines on if there are too many, or what is shown of it already. */
  show(run: Run, preserveFocus = true): void {
    const known = this.runs.find(run.address, run.taskId);
    if (known) run = known;
    else {
      // One whose following was refused has a channel still.
      const refused = [...this.#shown.keys()].filter((each) => each.taskId === run.taskId);
      for (const gone of [...refused, ...this.runs.add(run)]) this.#forget(gone);
    }
    const shown = this.#shown.get(run) ?? this.#begin(run);
    shown.channel.show(preserveFocus);
  }

  /** Says something about a task in its channel, if it has one. */
  remark(taskId: number, words: readonly string[]): void {
    for (const [run, { channel, printer }] of this.#shown) {
      if (run.taskId === taskId) channel.append(words.map((each) => printer.remark(each)).join(""));
    }
  }

  dispose(): void {
    for (const { channel, stopper } of this.#shown.values()) {
      stopper.abort(new Error("the window is closed"));
      channel.dispose();
    }
    this.#shown.clear();
    this.#activities.clear();
    this.#changed.dispose();
    this.#ended.dispose();
  }

  #begin(run: Run): Shown {
    const channel = vscode.window.createOutputChannel(`Narthex ${run.taskId}`);
    const shown = { channel, printer: new Printer(), stopper: new AbortController() };
    this.#shown.set(run, shown);
    channel.append(remark(`task ${run.taskId} · ${run.by} · ${run.title}`));
    void this.#followed(run, shown);
    return shown;
  }

  async #followed(run: Run, shown: Shown): Promise<void> {
    const { channel, printer, stopper } = shown;
    let lines = 0;
    const activity: Activity = { taskId: run.taskId, title: run.title, progress: null, ahead: null };
    if (!run.ended) this.#activities.set(run, activity);
    this.#changed.fire();
    try {
      const begin = ({ line }: { line: number }) => {
        if (line > 1) channel.append(printer.remark(`lines before ${line} are not shown here`));
      };
      const end = await follow(this.connection, run.execId, mostLines(), begin, ({ news, place }) => {
        noted(activity, news);
        lines += news.filter((item) => item.type === "line").length;
        if (lines > mostLines()) {
          lines = 0;
          channel.clear();
          channel.append(printer.remark(`lines before ${place.line} are not shown here`));
        }
        const text = printer.text(news);
        if (text) channel.append(text);
        this.#changed.fire();
      }, stopper.signal);
      const news = !run.ended;
      this.runs.end(run);
      this.#activities.delete(run);
      if (news) {
        this.#ended.fire(run);
        void vscode.window.setStatusBarMessage(`Narthex: task ${run.taskId} ${outcome(end)}`, 8000);
      }
    } catch (error) {
      if (stopper.signal.aborted) return;
      channel.append(printer.remark(error instanceof Error ? error.message : String(error)));
      this.runs.remove(run);
    }
    this.#activities.delete(run);
    this.#changed.fire();
  }

  #forget(run: Run): void {
    const shown = this.#shown.get(run);
    shown?.stopper.abort(new Error("newer tasks are shown"));
    shown?.channel.dispose();
    this.#shown.delete(run);
    this.#activities.delete(run);
  }
}
