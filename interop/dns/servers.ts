/** Other name servers, of which our resolver asks the same records. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nameKey, printRecord, type ResourceRecord, typeName } from "../../src/dns/index.ts";
import type { DnsResolver } from "../../src/host/dns/resolver.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import type { CertificateFiles } from "../certificates.ts";
import { Child } from "../child.ts";

export interface Started extends AsyncDisposable {
  readonly port: number;
  readonly tlsPort: number;
  readonly quicPort: number;
  readonly httpsPort: number;
}

/** Knot serves a zone over UDP and TCP, and with a certificate over TLS and QUIC. */
export async function startKnot(
  command: readonly string[],
  parent: string,
  zone: string,
  { certFile, keyFile }: CertificateFiles,
  domain = "zone.test",
): Promise<Started> {
  const directory = join(parent, "knot");
  await mkdir(directory, { recursive: true });
  const [port, tlsPort, quicPort] = [await freePort(), await freePort(), await freePort()];
  await writeFile(join(directory, "zone"), zone);
  await writeFile(
    join(directory, "knot.conf"),
    `server:\n  rundir: "${directory}"\n  listen: 127.0.0.1@${port}\n  listen-tls: 127.0.0.1@${tlsPort}\n` +
      `  listen-quic: 127.0.0.1@${quicPort}\n  cert-file: "${certFile}"\n  key-file: "${keyFile}"\n` +
      `log:\n  - target: stderr\n    any: info\n` +
      `database:\n  storage: "${directory}"\n` +
      `zone:\n  - domain: ${domain}\n    storage: "${directory}"\n    file: zone\n    semantic-checks: off\n`,
  );
  const child = new Child([...command, "-c", join(directory, "knot.conf")]);
  await child.until(() => /zone file loaded|loaded, serial/.test(child.stdout + child.stderr));
  return { port, tlsPort, quicPort, httpsPort: 0, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** BIND serves a zone over UDP and TCP, and with a certificate over TLS and HTTPS. */
export async function startBind(
  command: readonly string[],
  parent: string,
  zone: string,
  { certFile, keyFile }: CertificateFiles,
): Promise<Started> {
  const directory = join(parent, "bind");
  await mkdir(directory, { recursive: true });
  const [port, tlsPort, httpsPort] = [await freePort(), await freePort(), await freePort()];
  await writeFile(join(directory, "zone"), zone);
  const file = join(directory, "named.conf");
  await writeFile(
    file,
    `tls ours { cert-file "${certFile}"; key-file "${keyFile}"; };\n` +
      `http ours { endpoints { "/dns-query"; }; };\n` +
      `controls { };\n` +
      `options {\n  directory "${directory}"; pid-file none; session-keyfile none; managed-keys-directory "${directory}";\n` +
      `  listen-on port ${port} { 127.0.0.1; };\n  listen-on port ${tlsPort} tls ours { 127.0.0.1; };\n` +
      `  listen-on port ${httpsPort} tls ours http ours { 127.0.0.1; };\n  listen-on-v6 { none; };\n` +
      `  recursion no; notify no; dnssec-validation no; minimal-responses yes; check-names primary ignore;\n};\n` +
      `zone "zone.test" { type primary; file "zone"; check-integrity no; check-mx ignore; check-srv-cname ignore;\n` +
      `  check-mx-cname ignore; check-sibling no; check-spf ignore; };\n`,
  );
  const child = new Child([...command, "-g", "-c", file]);
  await child.until(() => /(?:all zones loaded|not loaded due to errors)/.test(child.stdout + child.stderr));
  const refusal = /dns_rdata_fromtext.*|.*: unknown .*/.exec(child.stderr);
  if (/not loaded due to errors/.test(child.stderr)) {
    await child[Symbol.asyncDispose]();
    throw new Error(`BIND refuses the zone: ${refusal?.[0] ?? "see its log"}`);
  }
  return { port, tlsPort, httpsPort, quicPort: 0, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** unbound answers from local data over UDP, TLS and HTTPS. */
export async function startUnbound(
  command: readonly string[],
  parent: string,
  records: readonly ResourceRecord[],
  { certFile, keyFile }: CertificateFiles,
): Promise<Started> {
  const directory = join(parent, "unbound");
  await mkdir(directory, { recursive: true });
  const [port, tlsPort, httpsPort] = [await freePort(), await freePort(), await freePort()];
  const interfaces = [port, tlsPort, httpsPort].map((each) => `  interface: 127.0.0.1@${each}\n`).join("");
  const data = records.map((each) => `  local-data: '${printRecord(each).replaceAll("\t", " ")}'\n`).join("");
  const file = join(directory, "unbound.conf");
  await writeFile(
    file,
    `server:\n  directory: "${directory}"\n  chroot: ""\n  username: ""\n  pidfile: "${join(directory, "pid")}"\n` +
      `  use-syslog: no\n  verbosity: 1\n  logfile: ""\n${interfaces}  tls-port: ${tlsPort}\n  https-port: ${httpsPort}\n` +
      `  tls-service-key: "${keyFile}"\n  tls-service-pem: "${certFile}"\n  access-control: 127.0.0.0/8 allow\n` +
      `  local-zone: "zone.test." static\n${data}`,
  );
  const child = new Child([...command, "-d", "-c", file]);
  await child.until(() => /start of service/.test(child.stdout + child.stderr));
  return { port, tlsPort, httpsPort, quicPort: 0, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Servers lower the case of names in data. */
const comparable = (record: ResourceRecord): string => nameKey(printRecord(record));

/** The records that the resolver did not get as they are. */
export async function differencesOf(
  resolver: DnsResolver,
  records: readonly ResourceRecord[],
): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const record of records) {
    const answer = await resolver.resolve(record.name, record.type);
    const found = answer.kind === "records" ? answer.records.map(comparable) : [answer.kind];
    if (!found.includes(comparable(record))) {
      differences.push(`${record.name} ${typeName(record.type)}: ${found.join(", ")}, not ${comparable(record)}`);
    }
  }
  return differences;
}
