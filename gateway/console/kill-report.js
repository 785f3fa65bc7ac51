/** The report of a kill, drawn: who was signalled, what died when, and what is left. */

import { el, svg } from "./dom.js";
import { texts } from "./texts.js";

const WIDTH = 720;
const LANE = 22;
const LEFT = 110;
const MOST_LANES = 24;

/** Everything that is told of a kill. */
export function killReport(report) {
  if (report.state === "none" || (report.state === "ended" && !report.signals.length && !report.wishedTime)) {
    return [el("p", { className: "soft" }, texts.noKill)];
  }
  const begun = report.wishedTime || report.begunTime;
  const said = [el("h2", {}, texts.killTitle)];
  if (report.state === "killing") said.push(el("p", {}, texts.killing));
  else {
    const proof = texts.proofs[report.proof] ?? report.proof;
    const words = report.verified ? texts.verified(proof) : texts.unverified;
    said.push(el("p", { className: report.verified ? "good" : "error" }, words));
  }
  if (report.left.length) said.push(el("p", { className: "error" }, texts.left(report.left)));
  if (begun) said.push(drawing(report, begun), steps(report, begun));
  return said;
}

function steps(report, begun) {
  const step = (time, words) =>
    time ? [time, el("li", {}, words, " ", el("small", { className: "soft" }, texts.after(time - begun)))] : null;
  const known = [
    ...report.signals.map((one) => step(one.firstTime, texts.signalRow(one.name, one.pids, one.count))),
    ...report.died.map((one) => step(one.time, texts.diedRow(one.pid, how(one)))),
    step(report.endedTime, `${texts.ended}: ${texts.died(report.diedCount)}`),
  ].filter(Boolean);
  known.sort(([one], [other]) => one - other);
  return el("ol", { className: "steps" }, known.map(([, item]) => item));
}

const how = (one) => (one.signal ? texts.signalled(one.signal).replace(/^ended by /, "") : texts.exitCode(one.exitCode));

/** A lane for the signals and one for each process, from the request to the end. */
function drawing(report, begun) {
  const times = [
    report.endedTime, ...report.signals.map((one) => one.lastTime), ...report.died.map((one) => one.time),
  ];
  const end = Math.max(begun + 1, ...times.filter(Boolean));
  const x = (time) => LEFT + ((time - begun) / (end - begun)) * (WIDTH - LEFT - 20);
  const died = report.died.slice(0, MOST_LANES);
  const lanes = [...died.map((one) => [one.pid, one]), ...report.left.slice(0, MOST_LANES).map((pid) => [pid, null])];
  const height = 40 + (lanes.length + 1) * LANE;
  const parts = [svg("line", { x1: LEFT, x2: WIDTH - 20, y1: 20, y2: 20, class: "axis" })];
  for (const [time, word] of [[begun, texts.asked], [report.endedTime, texts.ended]]) {
    if (!time) continue;
    const anchor = time === begun ? "start" : "end";
    parts.push(svg("text", { x: x(time), y: 14, "text-anchor": anchor }, word));
  }
  for (const one of report.signals) {
    parts.push(
      svg("line", { x1: x(one.firstTime), x2: x(one.firstTime), y1: 20, y2: height - 16, class: `signal s${one.signal}` }),
      svg("text", {
        x: x(one.firstTime) + (x(one.firstTime) > WIDTH / 2 ? -4 : 4), y: 34, class: `s${one.signal}`,
        "text-anchor": x(one.firstTime) > WIDTH / 2 ? "end" : "start",
      }, one.name),
    );
  }
  lanes.forEach(([pid, one], index) => {
    const y = 52 + index * LANE;
    parts.push(
      svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, String(pid)),
      svg("line", { x1: LEFT, x2: one ? x(one.time) : WIDTH - 20, y1: y, y2: y, class: one ? "lane" : "lane left" }),
      one ? svg("circle", { cx: x(one.time), cy: y, r: 5, class: `death s${one.signal ?? 0}` }) : null,
    );
  });
  parts.push(svg("text", { x: WIDTH - 20, y: height - 4, "text-anchor": "end" }, texts.after(end - begun)));
  const attributes = { viewBox: `0 0 ${WIDTH} ${height}`, class: "kill", role: "img", "aria-label": texts.chart };
  return el(
    "div",
    { className: "wide", tabIndex: 0, attributes: { role: "region", "aria-label": texts.chart } },
    svg("svg", attributes, ...parts),
  );
}
