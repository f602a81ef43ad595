// npm run examples -- NAME: starts one of the programs under examples/, compiled.
import { existsSync } from "node:fs";
import { whenOrphaned } from "../.cache/examples/start/parent.js";

const [name = ""] = process.argv.slice(2);
// Next is installed in its own folder and runs from there.
const program = new URL(
  name === "next" ? "../examples/next/server.js" : `../.cache/examples/${name}/main.js`,
  import.meta.url,
);
if (!/^[\w-]+$/.test(name) || !existsSync(program)) {
  console.error(`there is no example "${name}": see examples/README.md`);
  process.exit(2);
}
if (name === "next") {
  process.env.NEXT_TELEMETRY_DISABLED ??= "1";
  if (!existsSync(new URL("node_modules/next", program))) {
    console.error("Next is not installed; run: npm ci --prefix examples/next");
    process.exit(2);
  }
}
// npm ends without a signal to this program, which the shell between them keeps.
whenOrphaned(() => process.exit(0));
await import(program.href);
