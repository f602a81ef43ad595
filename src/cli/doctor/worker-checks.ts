// Checks of what a server with workers needs: sockets in a group, of which a program in the kernel chooses one.

import { randomBytes } from "node:crypto";
import { chooseEngine } from "../../host/engine/engine.ts";
import { encodeProgram, steeringProgram } from "../../host/workers/steering-program.ts";
import type { Check, CheckResult } from "./check.ts";

export const WORKER_CHECKS: readonly Check[] = [{ name: "workers", run: workers }];

async function workers(): Promise<CheckResult> {
  if (process.platform === "win32") {
    return { verdict: "absent", detail: "Windows does not pass on sockets", advice: "serve without --workers" };
  }
  const { udp } = await chooseEngine();
  if (udp.groups === undefined) {
    const spreads = udp.shared?.spreads === true;
    const detail = spreads ? "the kernel spreads HTTP/3 by addresses" : "HTTP/3 runs in the first worker";
    return {
      verdict: "absent",
      detail: `${detail} (portable engine)`,
      advice: "the fast engine steers by connection id",
    };
  }
  const program = steeringProgram({ idKey: randomBytes(16), clientKey: randomBytes(8), workers: 2 });
  const group = udp.groups.open({ family: 4, host: "127.0.0.1", port: 0 }, 2, encodeProgram(program));
  const { steering, problem, descriptors } = group;
  group.close();
  if (steering === "program") return { verdict: "ok", detail: "the kernel steers HTTP/3 by connection id" };
  const detail = problem ?? `${descriptors.length} sockets without a program`;
  return { verdict: "absent", detail, advice: "everything works, with more work for each packet" };
}
