/** What is asked of the person at the editor: engine, session, login, a task, a result set. */

import * as vscode from "vscode";

import { choiceName, choices } from "../choices.js";
import type { Connection } from "../connection.js";
import type { Row } from "../task-rows.js";
import type { GatewayWindow } from "./window.js";

type Item<T> = vscode.QuickPickItem & { value: T };

/** What was picked, or undefined if nothing was. */
export async function pick<T>(items: readonly Item<T>[], placeHolder: string): Promise<T | undefined> {
  return (await vscode.window.showQuickPick([...items], { placeHolder, matchOnDescription: true }))?.value;
}

/** Chooses what code of this workspace is run by. */
export async function chooseEngine(gateway: GatewayWindow): Promise<void> {
  const engines = await gateway.connection.ask((client) => client.engines());
  const chosen = gateway.chosen;
  const items = [
    { label: "by the language of the file", description: chosen ? "" : "as now", value: null },
    ...choices(engines).map((choice) => ({
      label: choiceName(choice),
      description: chosen && choiceName(chosen) === choiceName(choice) ? "as now" : "",
      value: choice,
    })),
  ];
  const picked = await pick(items, "Engine and language");
  if (picked !== undefined) await gateway.choose(picked);
}

/** Chooses the session that code of this workspace runs in. */
export async function chooseSession(gateway: GatewayWindow): Promise<void> {
  const sessions = await gateway.connection.ask((client) => client.sessions());
  const named = sessions.map((one) => one.id);
  const items: Item<string | null>[] = [
    { label: "as the engine does it", description: "Python: a warm session; shell: a process", value: "" },
    { label: "none", description: "a process of its own for each run", value: "none" },
    { label: "a session with a name…", description: "warm from its first run on", value: null },
    ...sessions.map((one) => ({
      label: one.id,
      description: `${one.engine} · ${one.state} · ${one.statements} statements`,
      detail: "end this session",
      value: `end ${one.id}`,
    })),
  ];
  let picked = await pick(items, `Session (now: ${gateway.session || "as the engine does it"})`);
  if (picked === null) {
    picked = await vscode.window.showInputBox({
      prompt: "The name of a session",
      validateInput: (text) => (/^[\w.-]{1,64}$/.test(text) ? null : "letters, digits, dots and hyphens"),
    });
  }
  const ending = named.find((id) => picked === `end ${id}`);
  if (ending) await gateway.connection.ask((client) => client.endSession(ending));
  else if (picked !== undefined) await gateway.chooseSession(picked ?? "");
}

/** Logs in by password or token; what is kept, in the editor's secret storage, is a token. */
export async function login(connection: Connection): Promise<boolean> {
  const way = await pick(
    [
      { label: "with a password", value: "password" },
      { label: "with a token", description: "as `narthex token` prints it", value: "token" },
    ] as const,
    `Log in at ${connection.address}`,
  );
  if (way === "token") {
    const token = await vscode.window.showInputBox({ prompt: "Token", password: true, ignoreFocusOut: true });
    if (!token) return false;
    await connection.useToken(token.trim());
    return true;
  }
  if (way !== "password") return false;
  const user = await vscode.window.showInputBox({ prompt: "Name", ignoreFocusOut: true });
  if (!user) return false;
  const password = await vscode.window.showInputBox({ prompt: `Password of ${user}`, password: true, ignoreFocusOut: true });
  if (!password) return false;
  await connection.login(user, password);
  return true;
}

/** The task that is meant: that of the tree's row, else the only one or what is picked. */
export async function pickTask(
  gateway: GatewayWindow,
  row: Row | undefined,
  fits: (row: Row) => boolean,
): Promise<Row | undefined> {
  if (row) return row;
  await gateway.tree.refresh();
  const rows = gateway.tree.rows.filter(fits);
  if (!rows.length) throw new Error("there is no such task");
  const [only] = rows;
  if (rows.length === 1) return only;
  return pick(rows.map((each) => ({ label: each.label, description: each.description, value: each })), "Task");
}
