/**
 * The code editor of the console with CodeMirror: colours, line numbers, brackets, an undo history.
 *
 * It lives in a shadow root, where its styles are sheets that were made by code: the page's policy
 * permits no style elements. Colours are those of the page.
 */

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { sql } from "@codemirror/lang-sql";
import {
  HighlightStyle, StreamLanguage, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting,
} from "@codemirror/language";
import { scala } from "@codemirror/legacy-modes/mode/clike";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const LANGUAGES = {
  python: () => python(),
  scala: () => StreamLanguage.define(scala),
  shell: () => StreamLanguage.define(shell),
  sql: () => sql(),
};

const look = EditorView.theme({
  "&": { border: "1px solid var(--line)", color: "inherit", backgroundColor: "transparent", fontSize: "0.95em" },
  "&.cm-focused": { outline: "2px solid var(--main)" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", minHeight: "20em", maxHeight: "60vh", overflow: "auto" },
  ".cm-content": { caretColor: "currentColor" },
  ".cm-cursor": { borderLeftColor: "currentColor" },
  ".cm-gutters": { color: "var(--soft)", backgroundColor: "transparent", border: "none" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--main) 30%, transparent)",
  },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: "var(--main)", fontWeight: "bold" },
  { tag: [tags.string, tags.number, tags.bool, tags.null], color: "var(--good)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

class CodeEditor extends HTMLElement {
  #language = "";
  #speaking = new Compartment();
  #named = new Compartment();
  #view = new EditorView({
    root: this.attachShadow({ mode: "open" }),
    parent: this.shadowRoot,
    state: EditorState.create({
      extensions: [
        // The form runs the code: the key must not make a line as well.
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => true }])),
        lineNumbers(),
        history(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of("    "),
        bracketMatching(),
        highlightActiveLine(),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        this.#speaking.of([]),
        syntaxHighlighting(colours),
        look,
        this.#named.of([]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) this.dispatchEvent(new Event("input", { bubbles: true }));
        }),
      ],
    }),
  });

  set label(text) {
    const attributes = EditorView.contentAttributes.of({ "aria-label": text, autocapitalize: "off" });
    this.#view.dispatch({ effects: this.#named.reconfigure(attributes) });
  }

  get value() {
    return this.#view.state.doc.toString();
  }

  set value(text) {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text } });
  }

  get language() {
    return this.#language;
  }

  set language(name) {
    this.#language = name;
    const made = LANGUAGES[name]?.() ?? [];
    this.#view.dispatch({ effects: this.#speaking.reconfigure(made) });
  }

  focus() {
    this.#view.focus();
  }
}

customElements.define("code-editor", CodeEditor);

/** An element to type code into, as the plain editor is one. */
export function codeEditor(label) {
  return Object.assign(document.createElement("code-editor"), { label });
}
