/** Result sets in panels of the editor, which come back when the window is loaded anew. */

import { randomBytes } from "node:crypto";

import * as vscode from "vscode";

import type { Connection } from "../connection.js";
import { readFromPage, readKept, readResult, skeleton, type Kept } from "../result-page.js";

const KIND = "narthex.result";

export class ResultPanels implements vscode.Disposable {
  #serializer: vscode.Disposable;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly connection: () => Connection,
  ) {
    this.#serializer = vscode.window.registerWebviewPanelSerializer(KIND, {
      deserializeWebviewPanel: async (panel, state: unknown) => {
        const kept = readKept(state);
        if (kept?.address === this.connection().address) this.#fill(panel, kept);
        else panel.dispose();
      },
    });
  }

  /** Shows a result set in a panel of its own. */
  open(title: string, path: string): void {
    const panel = vscode.window.createWebviewPanel(KIND, title, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: this.#roots,
    });
    this.#fill(panel, { address: this.connection().address, path });
  }

  dispose(): void {
    this.#serializer.dispose();
  }

  get #roots(): vscode.Uri[] {
    return ["media", "out"].map((name) => vscode.Uri.joinPath(this.extension, name));
  }

  #fill(panel: vscode.WebviewPanel, kept: Kept): void {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: this.#roots };
    const at = (...names: string[]) =>
      webview.asWebviewUri(vscode.Uri.joinPath(this.extension, ...names)).toString();
    webview.onDidReceiveMessage(async (message: unknown) => {
      const wanted = readFromPage(message);
      if (!wanted) return;
      const answer = await readResult(this.connection(), kept.path, wanted.page);
      await webview.postMessage({ ...answer, kept });
    });
    webview.html = skeleton({
      source: webview.cspSource,
      script: at("out", "webview", "result.js"),
      style: at("media", "result.css"),
      nonce: randomBytes(16).toString("hex"),
    });
  }
}
