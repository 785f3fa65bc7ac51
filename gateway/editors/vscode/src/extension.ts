/** The way in: what the editor calls, and nothing that could be tested without it. */

import * as vscode from "vscode";

import { gatewayAddress } from "./address.js";
import { LoginNeeded } from "./connection.js";
import { killWords, verdict } from "./kill-words.js";
import type { Row } from "./task-rows.js";
import { chooseEngine, chooseSession, login, pick, pickTask } from "./workbench/pickers.js";
import { ResultPanels } from "./workbench/result-panel.js";
import { GatewayWindow } from "./workbench/window.js";

const KILL_WAIT_SECONDS = 20;
const MOST_CODE = 10_000_000;

export function activate(context: vscode.ExtensionContext): void {
  let gateway: GatewayWindow | null = null;
  const settings = () => vscode.workspace.getConfiguration("narthex");
  const connect = () => {
    gateway?.dispose();
    gateway = null;
    const address = gatewayAddress(settings().get("address", ""));
    gateway = new GatewayWindow(address, context.secrets, context.workspaceState);
  };
  const present = (): GatewayWindow => {
    if (!gateway) connect();
    return gateway!;
  };
  const panels = new ResultPanels(context.extensionUri, () => present().connection);

  async function run(code: string, title: string, document: vscode.TextDocument): Promise<void> {
    if (!vscode.workspace.isTrusted) throw new Error("nothing is run before the workspace is trusted");
    if (!code.trim()) throw new Error("there is no code to run");
    if (code.length > MOST_CODE) throw new Error("this is too much code to submit");
    const current = present();
    if (current.connection.standing.kind === "logged out" && !(await login(current.connection))) return;
    const stopper = new AbortController();
    await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: `Submitting ${title}`, cancellable: true },
      async (_, cancelled) => {
        cancelled.onCancellationRequested(() => stopper.abort(new Error("the submission was given up")));
        await current.run(code, title, current.choiceFor(document), stopper.signal);
      },
    );
  }

  function editor(): vscode.TextEditor {
    const active = vscode.window.activeTextEditor;
    if (!active) throw new Error("no file is open in front");
    return active;
  }

  const baseName = (document: vscode.TextDocument) => document.uri.path.split("/").at(-1) || "untitled";

  async function kill(row?: Row): Promise<void> {
    const current = present();
    const task = await pickTask(current, row, (each) => each.context === "running");
    if (!task) return;
    const grace = settings().get<number | null>("killGraceSeconds", null);
    const report = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: `Killing task ${task.taskId}` },
      () => current.connection.ask((client) =>
        client.killReport(task.execId, { wait: KILL_WAIT_SECONDS, ...(grace === null ? {} : { grace }) })),
    );
    current.outputs.remark(task.taskId, killWords(report));
    void current.tree.refresh();
    void vscode.window.showInformationMessage(`Task ${task.taskId}: ${verdict(report)}`);
  }

  async function showResults(row?: Row): Promise<void> {
    const current = present();
    const task = await pickTask(current, row, () => true);
    if (!task) return;
    const sets = await current.connection.ask((client) => client.results(task.execId));
    if (!sets.length) throw new Error(`task ${task.taskId} has no results`);
    const items = sets.map((set, index) => ({ label: set.name, description: `${set.size} bytes`, value: { set, index } }));
    const picked = items.length === 1 ? items[0]?.value : await pick(items, "Result");
    if (picked) panels.open(`Result ${task.taskId}.${picked.index + 1}`, picked.set.path);
  }

  const commands: Record<string, (row?: Row) => Promise<void> | void> = {
    "narthex.runFile": () => {
      const { document } = editor();
      return run(document.getText(), baseName(document), document);
    },
    "narthex.runSelection": () => {
      const { document, selections } = editor();
      const texts = selections.map((each) => document.getText(each)).filter((text) => text.trim());
      const line = document.lineAt(editor().selection.active.line).text;
      const code = texts.length ? texts.join("\n") : line;
      return run(code, `${baseName(document)} (selection)`, document);
    },
    "narthex.chooseEngine": () => chooseEngine(present()),
    "narthex.chooseSession": () => chooseSession(present()),
    "narthex.showOutput": async (row) => {
      const current = present();
      const task = await pickTask(current, row, () => true);
      if (!task) return;
      const { taskId, execId, title, by } = task;
      const { address } = current.connection;
      current.outputs.show({ address, execId, taskId, title, by, ended: task.context === "ended" });
    },
    "narthex.showResults": showResults,
    "narthex.showCode": async (row) => {
      const current = present();
      const task = await pickTask(current, row, () => true);
      if (!task) return;
      const { code, language } = await current.connection.ask((client) => client.describe(String(task.taskId)));
      const known = await vscode.languages.getLanguages();
      const name = language === "shell" ? "shellscript" : language;
      const options = known.includes(name) ? { content: code, language: name } : { content: code };
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(options));
    },
    "narthex.kill": kill,
    "narthex.openConsole": async (row) => {
      const current = present();
      const { address } = current.connection;
      const query = row ? `/?task=${row.taskId}` : "/";
      await vscode.env.openExternal(vscode.Uri.parse(`${address}${query}`));
    },
    "narthex.refresh": () => present().tree.refresh(),
    "narthex.login": async () => void (await login(present().connection)),
    "narthex.logout": () => present().connection.logout(),
  };

  /** Whatever goes wrong is told in a sentence; a login that is missing is asked for. */
  async function carriedOut(work: (row?: Row) => Promise<void> | void, row?: Row): Promise<void> {
    try {
      await work(row);
    } catch (error) {
      if (error instanceof LoginNeeded) {
        const answer = await vscode.window.showWarningMessage("Narthex: log in to the gateway first", "Log In");
        if (answer) await vscode.commands.executeCommand("narthex.login");
      } else {
        const words = error instanceof Error ? error.message : String(error);
        void vscode.window.showErrorMessage(`Narthex: ${words}`);
      }
    }
  }

  for (const [name, work] of Object.entries(commands)) {
    // A command of a menu gets more arguments than a row, and one of the palette none.
    const row = (given: unknown) => ((given as Row | undefined)?.execId ? (given as Row) : undefined);
    context.subscriptions.push(
      vscode.commands.registerCommand(name, (given: unknown) => carriedOut(work, row(given))),
    );
  }
  context.subscriptions.push(
    panels,
    new vscode.Disposable(() => gateway?.dispose()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("narthex.address")) void carriedOut(connect);
    }),
  );
  void carriedOut(connect);
}
