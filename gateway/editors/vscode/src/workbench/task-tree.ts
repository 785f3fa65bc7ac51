/** The tree of the user's tasks, read anew while it is seen. */

import * as vscode from "vscode";

import type { Connection } from "../connection.js";
import { rowOf, type Row } from "../task-rows.js";

const EVERY_MS = 3000;
const MOST = 50;

export class TaskTree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  #changed = new vscode.EventEmitter<void>();
  #rows: Row[] = [];
  #view: vscode.TreeView<Row>;
  #reading = false;
  #parts: vscode.Disposable[] = [];

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(private readonly connection: Connection) {
    this.#view = vscode.window.createTreeView("narthex.tasks", { treeDataProvider: this });
    const timer = setInterval(() => this.#seen(), EVERY_MS);
    const stop = connection.onChange(() => this.#seen());
    this.#parts.push(
      this.#view,
      this.#changed,
      this.#view.onDidChangeVisibility(() => this.#seen()),
      new vscode.Disposable(() => clearInterval(timer)),
      new vscode.Disposable(stop),
    );
    this.#seen();
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const item = new vscode.TreeItem(row.label);
    item.id = String(row.taskId);
    item.description = row.description;
    item.tooltip = row.tooltip;
    item.iconPath = new vscode.ThemeIcon(row.icon);
    item.contextValue = row.context;
    item.command = { command: "narthex.showOutput", title: "Show Output", arguments: [row] };
    return item;
  }

  getChildren(row?: Row): Row[] {
    return row ? [] : this.#rows;
  }

  /** Reads the tasks anew; without a gateway those that were read before stay. */
  async refresh(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      if (this.connection.standing.kind === "logged out") this.#rows = [];
      else if (this.connection.standing.kind === "here") {
        const { user } = this.connection.standing;
        this.#rows = (await this.connection.ask((client) => client.list({ size: MOST })))
          .filter((task) => task.owner === user)
          .map(rowOf);
      }
      this.#changed.fire();
    } catch {
      // The status bar says that the gateway is away; the next reading tells more.
    } finally {
      this.#reading = false;
    }
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
  }

  #seen(): void {
    if (this.#view.visible) void this.refresh();
  }
}
