// Bundles the code editor into out/, with the licenses of what is in it beside it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { build } from "esbuild";

const { metafile } = await build({
  entryPoints: ["code-editor.js"],
  outfile: "out/code-editor.js",
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  metafile: true,
  banner: { js: "// Built from gateway/console/codemirror; the licenses stand in code-editor.licenses.txt." },
});
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []),
);
const licenses = [...packages].sort().map((name) => {
  const folder = join("node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt"].map((each) => join(folder, each)).find(existsSync);
  if (!file) throw new Error(`${name} has no license`);
  return `${name} ${version}\n\n${readFileSync(file, "utf8").trim()}\n`;
});
writeFileSync("out/code-editor.licenses.txt", licenses.join("\n----\n\n"));
