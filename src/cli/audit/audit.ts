// `nagare audit`: loads the page, asks about its server, judges, and prints.
import {
  type AuditFacts,
  type Hop,
  type Http3Facts,
  judgeAudit,
  type LoadedResponse,
  reaches,
  type TlsFacts,
} from "../../agent/audit/index.ts";
import { type Client, type ClientOptions, createClient } from "../../client/index.ts";
import { type LoadedPage, loadPage } from "../../client/page/index.ts";
import { parseName, type ResourceRecord, svcParamValues, typeNumber } from "../../dns/index.ts";
import { tlsFacts } from "../../host/client/tls-facts.ts";
import { CookieJar } from "../../host/cookies/jar.ts";
import { DnsResolver } from "../../host/dns/resolver.ts";
import { systemServers } from "../../host/dns/system.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { EXIT, silentExit, usageError } from "../fail.ts";
import { readPem, urlFrom } from "../get/flags.ts";
import { resolverFrom } from "../get/resolver.ts";
import { interruptible } from "../interrupt.ts";
import { type Io, write } from "../io.ts";
import { type AuditFlags, embedderFrom, type TriedHeader, triedHeaders, tryOn } from "./flags.ts";
import { reportText } from "./report.ts";

/** Milliseconds for each question about the server. */
const QUESTION_TIME = 5_000;
/** Milliseconds for everything. */
const DEFAULT_TIME = 30_000;

export async function audit(given: string | undefined, flags: AuditFlags, io: Io): Promise<void> {
  const tried = triedHeaders(flags.header);
  const { embedder, rest } = embedderFrom(flags.as);
  const text = given ?? rest;
  if (text === undefined) throw usageError("<url> is missing", "see nagare audit --help");
  const url = urlFrom(text);
  const options: ClientOptions = {
    rejectUnauthorized: flags.insecure !== true,
    connectTimeout: QUESTION_TIME,
    headersTimeout: 15_000,
    bodyTimeout: 15_000,
    resolve: resolverFrom(flags.resolve ?? [], undefined),
    ...(flags.cacert === undefined ? {} : { ca: await readPem(flags.cacert) }),
  };
  const facts = await interruptible(io, (signal) => collect(url, flags, options, embedder, tried, signal));
  const findings = judgeAudit(facts).filter(
    ({ id }) => flags.only === undefined || flags.only.some((prefix) => id.startsWith(prefix)),
  );
  await write(
    io.stdout,
    flags.json ? `${JSON.stringify({ url: url.href, facts, findings })}\n` : reportText(facts, findings, io),
  );
  const isLost = facts.documents[0]?.response === undefined;
  if (isLost || (flags.failOn !== "never" && reaches(findings, flags.failOn))) throw silentExit(EXIT.failed);
}

async function collect(
  url: URL,
  flags: AuditFlags,
  options: ClientOptions,
  embedder: string | undefined,
  tried: readonly TriedHeader[],
  signal: AbortSignal,
): Promise<AuditFacts> {
  await using client = createClient({ ...options, cookies: new CookieJar() });
  const time = flags.maxTime === undefined ? DEFAULT_TIME : flags.maxTime * 1_000;
  const late = AbortSignal.timeout(time);
  const lateness = new Promise<void>((resolve) => {
    late.addEventListener("abort", () => resolve(), { once: true });
  });
  const within = AbortSignal.any([signal, late]);
  const limits = {
    timeout: time,
    ...(flags.maxResources === undefined ? {} : { maxResources: flags.maxResources }),
    ...(flags.maxFrames === undefined ? {} : { maxFrames: flags.maxFrames }),
  };
  const loaded = await loadPage(client, url.href, limits, signal);
  const page = withTried(loaded, tried);
  const final = new URL(page.documents[0]?.response?.url ?? url.href);
  const isSecure = final.protocol === "https:";
  const unanswered: string[] = [];
  /** What is not answered in time is no fact. */
  const ask = async <T>(name: string, question: Promise<T>): Promise<T | undefined> => {
    const answer = await Promise.race([question, lateness]);
    if (!late.aborted) return answer as T;
    unanswered.push(name);
    return undefined;
  };
  const hasPage = page.documents[0]?.response !== undefined;
  const [tls, http3, plain, site] = await Promise.all([
    isSecure ? ask("TLS", tlsOf(final, options, within)) : undefined,
    isSecure && hasPage ? ask("HTTP/3", http3Of(final, page, options, flags.dns, within)) : undefined,
    isSecure && final.port === "" ? ask("http", headOf(client, `http://${final.host}/`, within)) : undefined,
    embedder === undefined ? undefined : ask(embedder, headOf(client, embedder, within)),
  ]);
  signal.throwIfAborted();
  return {
    url: url.href,
    now: Date.now(),
    documents: page.documents,
    resources: page.resources,
    limits: [
      ...page.limits,
      ...(unanswered.length > 0 ? [`not answered within ${time / 1_000} s: ${unanswered.join(", ")}`] : []),
    ],
    ...(tls && { tls }),
    ...(http3 && { http3 }),
    ...(plain && { plain }),
    ...(embedder !== undefined && { embedder: { url: embedder, fields: site?.fields ?? [] } }),
  };
}

function withTried({ documents, resources, limits, facts }: LoadedPage, tried: readonly TriedHeader[]): LoadedPage {
  const change = (response: LoadedResponse | undefined, isPage: boolean) =>
    response && {
      response: {
        ...response,
        fields: tryOn(response.url, response.fields, tried, isPage),
        redirects: response.redirects.map((hop) => ({ ...hop, fields: tryOn(hop.url, hop.fields, tried, false) })),
      },
    };
  return {
    documents: documents.map((each, index) => ({ ...each, ...change(each.response, index === 0) })),
    resources: resources.map((each) => ({ ...each, ...change(each.response, false) })),
    limits,
    facts,
  };
}

const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");

/** Undefined if there is no handshake: the page's own failure says why. */
async function tlsOf(url: URL, { ca, resolve }: ClientOptions, signal: AbortSignal): Promise<TlsFacts | undefined> {
  try {
    return await tlsFacts({
      host: bareHost(url),
      port: Number(url.port || 443),
      ca: ca === undefined ? undefined : [String(ca)],
      resolve,
      signal: AbortSignal.any([signal, AbortSignal.timeout(QUESTION_TIME)]),
    });
  } catch {
    return undefined;
  }
}

async function http3Of(
  url: URL,
  page: LoadedPage,
  options: ClientOptions,
  asksDns: boolean,
  signal: AbortSignal,
): Promise<Http3Facts> {
  const [tried, inDns] = await Promise.all([
    page.facts?.protocol === "h3" ? { works: true } : tryHttp3(url, options, signal),
    asksDns ? isInDns(url, signal) : undefined,
  ]);
  return { ...tried, ...(inDns === undefined ? {} : { inDns }) };
}

async function tryHttp3(url: URL, options: ClientOptions, signal: AbortSignal): Promise<Http3Facts> {
  await using client = createClient({ ...options, protocols: ["h3"], connectTimeout: 3_000 });
  try {
    const response = await client.fetch(url, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(QUESTION_TIME)]),
    });
    await response.body?.cancel();
    return { works: true };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    return { works: false, failure: { code: String(code ?? "FAILED"), message: String(message ?? error) } };
  }
}

/** Undefined for addresses, and if no server answers. */
async function isInDns(url: URL, signal: AbortSignal): Promise<boolean | undefined> {
  const { hostname, port } = url;
  const isName =
    ipVersion(bareHost(url)) === undefined && hostname.includes(".") && !/\.(?:test|localhost|invalid)$/.test(hostname);
  if (!isName) return undefined;
  const servers = (await systemServers()).map((address) => ({ protocol: "udp" as const, address, port: 53 }));
  const resolver = new DnsResolver({ servers, timeout: 1_000 });
  // RFC 9460 §9.1
  const name = port === "" || port === "443" ? hostname : `_${port}._https.${hostname}`;
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(QUESTION_TIME)]);
    const answer = await resolver.resolve(parseName(name), typeNumber("HTTPS")!, within);
    if (answer.kind === "failed") return undefined;
    return answer.kind === "records" && answer.records.some((record) => offersHttp3(record.data));
  } catch {
    return undefined;
  }
}

const offersHttp3 = (data: ResourceRecord["data"]): boolean =>
  data.type === "HTTPS" && svcParamValues(data.params).alpn?.includes("h3") === true;

async function headOf(client: Client, url: string, signal: AbortSignal): Promise<Hop | undefined> {
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(QUESTION_TIME)]);
    const response = await client.fetch(url, { redirect: "manual", credentials: "omit", signal: within });
    await response.body?.cancel();
    const { status, fields } = client.facts(response)!;
    return { url, status, fields: fields.map(([name, value]) => [name, value] as const) };
  } catch {
    return undefined;
  }
}
