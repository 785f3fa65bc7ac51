/** Output as an output channel can show it: it knows no colours and no control characters. */

// Sequences of terminals: CSI, OSC and the like, and single characters behind an escape.
const SEQUENCES =
  /[\u001b\u009b](?:\][^\u0007\u001b]{0,4096}(?:\u0007|\u001b\\)|[[()#;?]*[0-9;:?<=>]{0,64}[ -/]{0,8}[@-~])/g;
// eslint-disable-next-line no-control-regex -- these are what is taken out
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
// What would turn the rest of a line around, or ends one in an editor but not in a log.
const HIDDEN = /[\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * The text of one line, or of a part of one, without what a channel cannot show.
 *
 * Of a line that overwrites itself by carriage returns the last state is left.
 */
export function plain(text: string): string {
  const states = text.replace(/\r+$/, "").split("\r");
  return (states.at(-1) ?? "").replace(SEQUENCES, "").replace(CONTROLS, "").replace(HIDDEN, "");
}
