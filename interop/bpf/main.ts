/** `npm run bpf -- conformance DIR` */

import { runConformance } from "./conformance.ts";

const [command, ...rest] = process.argv.slice(2);
switch (command) {
  case "conformance":
    process.exitCode = runConformance(rest[0] ?? ".") ? 0 : 1;
    break;
  default:
    process.stderr.write("usage: npm run bpf -- conformance DIR\n");
    process.exitCode = 2;
}
