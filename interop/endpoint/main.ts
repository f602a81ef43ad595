/**
 * An endpoint of the public QUIC interop runner; run_endpoint.sh starts it. The runner's variables are in the environment,
 * and options replace its fixed places. Exits with 127 if it does not support the test case.
 */

import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chooseEngine } from "../../src/host/engine/engine.ts";
import { qlogSettings } from "../../src/host/qlog/options.ts";
import { QlogRecorder } from "../../src/host/qlog/recorder.ts";
import { systemEnvironmentWith } from "../../src/host/quic/environment.ts";
import { type ClientCase, type ServerCase, testCaseNamed } from "./test-cases.ts";

const UNSUPPORTED = 127;

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "::" },
    port: { type: "string", default: "443" },
    www: { type: "string", default: "/www" },
    certs: { type: "string", default: "/certs" },
    downloads: { type: "string", default: "/downloads" },
    prefer: { type: "string", multiple: true, default: [] },
  },
});

const { ROLE, TESTCASE = "", REQUESTS = "", SSLKEYLOGFILE = "", QLOGDIR = "" } = process.env;

const keyLog =
  SSLKEYLOGFILE === "" ? undefined : (line: string) => appendFileSync(SSLKEYLOGFILE, `${line.trimEnd()}\n`);

/** In the dialect that qvis loads, to which the runner's results link. */
const qlog = QLOGDIR === "" ? undefined : new QlogRecorder(qlogSettings({ directory: QLOGDIR, dialect: "qvis" }));

const common = { environment: systemEnvironmentWith("auto", qlog?.trace), onKeyLog: keyLog };

/** Each role loads its own half. */
async function runClient(testCase: ClientCase): Promise<void> {
  const { runEndpointClient } = await import("./client.ts");
  const urls = REQUESTS.split(/\s+/).flatMap((url) => (url === "" ? [] : [new URL(url)]));
  await runEndpointClient({ ...testCase, ...common, urls, downloads: values.downloads });
  console.log(`downloaded ${urls.length} files`);
}

async function runServer(testCase: ServerCase): Promise<void> {
  const { startEndpointServer } = await import("./server.ts");
  const { host, www, certs, prefer: preferred } = values;
  const port = Number(values.port);
  const server = await startEndpointServer({ ...testCase, ...common, host, port, www, certs, preferred });
  console.log(`listening on UDP port ${server.port}`);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  await server.close();
}

/** Returns the exit code. */
async function run(): Promise<number> {
  const testCase = testCaseNamed(TESTCASE);
  if (testCase === undefined) {
    console.log(`unknown test case "${TESTCASE}"`);
    return UNSUPPORTED;
  }
  if (testCase.needsEcn === true && !(await chooseEngine()).udp.capabilities.ecn) {
    console.log("ECN is not supported: the fast engine does not work here");
    return UNSUPPORTED;
  }
  if (ROLE === "client") await runClient(testCase.client);
  else if (ROLE === "server") await runServer(testCase.server);
  else throw new Error(`ROLE is "${ROLE}": use client or server`);
  return 0;
}

try {
  process.exitCode = await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await qlog?.close();
}
