/** The items of the status bar: the gateway with what runs at it, and what code is run by. */

import * as vscode from "vscode";

import { activityWords, stageWords, type Activity } from "../activity.js";
import { choiceName, type Choice } from "../choices.js";
import type { Connection } from "../connection.js";

export class Status implements vscode.Disposable {
  #gateway = vscode.window.createStatusBarItem("narthex.gateway", vscode.StatusBarAlignment.Left, 10);
  #choice = vscode.window.createStatusBarItem("narthex.choice", vscode.StatusBarAlignment.Right, 90);

  constructor() {
    this.#gateway.name = "Narthex: gateway";
    this.#choice.name = "Narthex: engine and session";
    this.#choice.command = "narthex.chooseEngine";
    this.#gateway.show();
  }

  /** Says how the gateway is and what runs at it. */
  gateway(connection: Connection, activities: readonly Activity[]): void {
    const { standing, address } = connection;
    const about = [address, ...activities.map(stageWords)].join("\n");
    this.#gateway.backgroundColor = undefined;
    this.#gateway.tooltip = about;
    this.#gateway.command = "narthex.showOutput";
    switch (standing.kind) {
      case "beginning":
        this.#gateway.text = "$(loading~spin) Narthex";
        break;
      case "logged out":
        this.#gateway.text = "$(account) Narthex: log in";
        this.#gateway.command = "narthex.login";
        break;
      case "away":
        this.#gateway.text = `$(debug-disconnect) Narthex: away since ${standing.since.toLocaleTimeString()}`;
        this.#gateway.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
        break;
      case "here": {
        const words = activityWords(activities);
        this.#gateway.text = words ? `$(sync~spin) Narthex ${words}` : "$(check) Narthex";
        this.#gateway.tooltip = `${standing.user} at ${about}`;
        break;
      }
    }
  }

  /** Says what the document in front would be run by. */
  choice(choice: Choice | null, session: string): void {
    if (!choice) {
      this.#choice.hide();
      return;
    }
    this.#choice.text = `$(server-process) ${choiceName(choice)}${session && session !== "none" ? ` · ${session}` : ""}`;
    this.#choice.tooltip = "What Narthex runs this by";
    this.#choice.show();
  }

  dispose(): void {
    this.#gateway.dispose();
    this.#choice.dispose();
  }
}
