/**
 * The plain code editor, which works as it lies here. A wheel that was built where Node.js is has
 * in this place what `codemirror/code-editor.js` was bundled into; both are used alike.
 */

import { el } from "./dom.js";

/**
 * An element to type code into, with a name for who cannot see it. It has a `value`, knows the `language` it is in, and tells each
 * change by an `input` event.
 */
export function codeEditor(label) {
  const area = el("textarea", {
    name: "code", rows: 16, required: true, spellcheck: false, ariaLabel: label,
    attributes: { autocapitalize: "off", autocomplete: "off" },
  });
  // A text area shows every language alike.
  area.language = "";
  return area;
}
