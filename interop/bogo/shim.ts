/**
 * The program that BoringSSL's runner starts for each test. Exit code 0 is success, 89 "unimplemented"; anything else is a
 * failure, with the reason on stderr.
 */

import { appendFileSync } from "node:fs";
import { ProtocolError } from "../../src/base/errors.ts";
import { after, type Instant, seconds } from "../../src/base/time.ts";
import { alertName } from "../../src/tls/alerts.ts";
import type { ClientSession } from "../../src/tls/session.ts";
import { Failure, runConnection } from "./connection.ts";
import { clientEndpoint, ServerMemory, serverEndpoint } from "./endpoint.ts";
import { parseFlags, type ShimFlags, Unimplemented } from "./flags.ts";

const UNIMPLEMENTED = 89;

/** Names the reason where the command can read it: the runner keeps only the exit code. */
function logReason(testName: string, reason: string): void {
  const file = process.env.NAGARE_BOGO_LOG;
  if (file !== undefined) appendFileSync(file, `unimplemented\t${testName}\t${reason}\n`);
}

function describe(error: unknown): string {
  if (!(error instanceof ProtocolError)) return error instanceof Failure ? error.message : (error as Error).stack!;
  return `${alertName(error.code) ?? "PROTOCOL_VIOLATION"}: ${error.message}`;
}

async function run(shim: ShimFlags): Promise<void> {
  if (!shim.isQuic) throw new Unimplemented("TLS over TCP");
  if (shim.isServer && shim.resumeCount > 0 && (shim.initial.verifiesPeer || shim.initial.requiresClientCertificate)) {
    throw new Unimplemented("session tickets together with client certificates");
  }
  const memory = new ServerMemory();
  let session: ClientSession | undefined;
  // Stands still during a connection: the runner checks the age of tickets to the millisecond.
  let time = seconds(1_000_000_000) as number as Instant;
  const now = () => time;
  for (let connection = 0; connection <= shim.resumeCount; connection++) {
    const isResumption = connection > 0;
    const flags = isResumption ? shim.resume : shim.initial;
    if (isResumption && !shim.isServer && session === undefined) throw new Failure("no session to offer");
    const endpoint = shim.isServer ? serverEndpoint(flags, memory) : clientEndpoint(flags, session);
    const sessions = await runConnection({ shim, flags, isResumption, now }, endpoint);
    session = sessions.at(-1);
    time = after(time, seconds(flags.resumptionDelay));
  }
}

const args = process.argv.slice(2);
if (args.includes("-is-handshaker-supported")) {
  process.stdout.write("No\n");
} else {
  let testName = "";
  try {
    const shim = parseFlags(args, (name) => (testName = name));
    await run(shim);
    process.exitCode = 0;
  } catch (error) {
    if (error instanceof Unimplemented) {
      logReason(testName, error.message);
      process.exitCode = UNIMPLEMENTED;
    } else {
      process.stderr.write(`${describe(error)}\n`);
      process.exitCode = 1;
    }
  }
}
