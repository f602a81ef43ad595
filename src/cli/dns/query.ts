// `nagare dns query`: one question to the system's servers or to a given one, printed as in a zone file.
import { readFile } from "node:fs/promises";
import { createClient } from "../../client/index.ts";
import {
  type Answer,
  DNS_PORTS,
  type DnsProtocol,
  type DnsServer,
  type DnsTraceEvent,
  PresentationError,
  parseName,
  printRecord,
  rcodeName,
  typeName,
  typeNumber,
} from "../../dns/index.ts";
import { resolveHost } from "../../host/client/resolve.ts";
import { httpsCarrier } from "../../host/dns/https.ts";
import { quicCarrier } from "../../host/dns/quic.ts";
import { DnsResolver } from "../../host/dns/resolver.ts";
import { systemServers } from "../../host/dns/system.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { CliError, usageError } from "../fail.ts";
import { interruptible } from "../interrupt.ts";
import { type Io, write } from "../io.ts";

export interface DnsQueryFlags {
  readonly port?: string;
  readonly tcp?: true;
  readonly tls?: true;
  readonly https?: true | string;
  readonly quic?: true;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly timeout?: string;
  readonly trace?: true;
  readonly json?: true;
}

export async function dnsQuery(text: string, words: readonly string[], flags: DnsQueryFlags, io: Io): Promise<void> {
  const name = nameFrom(text);
  const { type, host } = wordsFrom(words);
  const timeout = flags.timeout === undefined ? 1_000 : Number(flags.timeout) * 1_000;
  if (!(timeout > 0 && timeout < 1e9)) throw usageError(`--timeout takes a number of seconds, not ${flags.timeout}`);
  const ca = flags.cacert === undefined ? undefined : await readFile(flags.cacert, "utf8");
  const servers = await serversFrom(host, flags);
  const acceptsAnyCertificate = flags.insecure === true;
  await using client = createClient({ ca, rejectUnauthorized: !acceptsAnyCertificate });
  await using overQuic = quicCarrier({ ca, acceptsAnyCertificate });
  const overHttps = httpsCarrier((url, init) => client.fetch(url, init));
  const start = performance.now();
  const events: { readonly at: number; readonly event: DnsTraceEvent }[] = [];
  const resolver = new DnsResolver({
    servers,
    timeout,
    acceptsAnyCertificate,
    ca,
    carry: flags.quic ? overQuic.carry : overHttps,
    trace: (event) => void events.push({ at: performance.now() - start, event }),
  });
  const answer = await interruptible(io, (signal) => resolver.resolve(name, type, signal));
  const took = performance.now() - start;
  if (flags.json) {
    await write(io.stdout, `${JSON.stringify(factsOf(name, type, answer, took, flags.trace ? events : undefined))}\n`);
  } else {
    if (flags.trace)
      for (const { at, event } of events) await write(io.stdout, `;; ${at.toFixed(1)} ms  ${describe(event)}\n`);
    await write(
      io.stdout,
      linesOf(name, type, answer, took)
        .map((line) => `${line}\n`)
        .join(""),
    );
  }
  if (answer.kind === "failed") {
    const why = answer.failures.at(-1) ?? "no server";
    throw new CliError("NO_ANSWER", `no server answered: ${why}`, {
      hint: "check the server's address, or see --trace",
    });
  }
}

function nameFrom(text: string): string {
  try {
    return parseName(text);
  } catch (error) {
    if (error instanceof PresentationError) throw usageError(`not a name: ${error.message}`);
    throw error;
  }
}

function wordsFrom(words: readonly string[]): { type: number; host: string | undefined } {
  let type: number | undefined;
  let host: string | undefined;
  for (const word of words) {
    const number = typeNumber(word);
    if (word.startsWith("@") && host === undefined) host = word.slice(1);
    else if (number !== undefined && type === undefined) type = number;
    else throw usageError(`${word} is neither a record type nor @SERVER`);
  }
  return { type: type ?? 1, host };
}

async function serversFrom(host: string | undefined, flags: DnsQueryFlags): Promise<readonly DnsServer[]> {
  const protocol: DnsProtocol = flags.https
    ? "https"
    : flags.quic
      ? "quic"
      : flags.tls
        ? "tls"
        : flags.tcp
          ? "tcp"
          : "udp";
  const port = flags.port === undefined ? DNS_PORTS[protocol] : Number(flags.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw usageError(`${flags.port} is not a port`);
  const path = typeof flags.https === "string" ? flags.https : undefined;
  if (host === undefined) return (await systemServers()).map((address) => ({ protocol, address, port, path }));
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const name = ipVersion(bare) === undefined ? bare : undefined;
  const addresses = await resolveHost(bare, port, undefined);
  return addresses.map(({ address }) => ({ protocol, address, port, name, path }));
}

function linesOf(name: string, type: number, answer: Answer, took: number): string[] {
  const question = `${name} ${typeName(type)}`;
  const time = `${Math.round(took)} ms`;
  switch (answer.kind) {
    case "records":
      return [
        ...(answer.name === name ? [] : [`;; ${name} is an alias of ${answer.name}`]),
        ...answer.records.map(printRecord),
        `;; ${answer.records.length} ${answer.records.length === 1 ? "record" : "records"} in ${time}`,
      ];
    case "none":
      return [`;; ${answer.why === "no-name" ? `${name} does not exist` : `there is no ${question}`}, in ${time}`];
    case "failed":
      return answer.failures.map((failure) => `;; ${failure}`);
  }
}

function factsOf(
  name: string,
  type: number,
  answer: Answer,
  took: number,
  trace: readonly { readonly at: number; readonly event: DnsTraceEvent }[] | undefined,
): Record<string, unknown> {
  return {
    name,
    type: typeName(type),
    ...answer,
    ...(answer.kind === "records"
      ? { canonicalName: answer.name, name, records: answer.records.map(printRecord) }
      : {}),
    milliseconds: Math.round(took * 1_000) / 1_000,
    ...(trace === undefined
      ? {}
      : { trace: trace.map(({ at, event }) => ({ at: Math.round(at * 1_000) / 1_000, ...event })) }),
  };
}

function describe(event: DnsTraceEvent): string {
  const question = `${event.name} ${typeName(event.recordType)}`;
  const where = "server" in event ? `${event.server.address} port ${event.server.port}` : "";
  switch (event.type) {
    case "dns:query_sent":
      return `asks ${where} over ${event.over.toUpperCase()} for ${question}`;
    case "dns:response_received":
      return `${where} responds ${rcodeName(event.rcode)} with ${event.count} records`;
    case "dns:response_ignored":
      return `ignores a message from ${where}: ${event.why}`;
    case "dns:exchange_failed":
      return `${where}: ${event.why}`;
    case "dns:answered":
      return `${question}: ${event.count} records from ${event.from}`;
  }
}
