// Compiles the extension into out/, with the client of the gateway beside it.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
rmSync(join(here, "out"), { recursive: true, force: true });
execFileSync(process.execPath, [compiler, "--project", here], { stdio: "inherit" });
copyFileSync(join(here, "../../client/js/narthex.js"), join(here, "out", "narthex.js"));
