// npm run examples -- NAME: starts one of the programs under examples/, compiled.
import { existsSync } from "node:fs";

const [name = ""] = process.argv.slice(2);
const program = new URL(`../.cache/examples/${name}/main.js`, import.meta.url);
if (!/^[\w-]+$/.test(name) || !existsSync(program)) {
  console.error(`there is no example "${name}": see examples/README.md`);
  process.exit(2);
}
await import(program.href);
