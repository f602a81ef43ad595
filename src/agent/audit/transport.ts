/** Findings about protocols, certificates and HSTS. */

import { parseAltSvc } from "../../http/index.ts";
import { isIp, parseOrigin } from "../cookies/index.ts";
import { parseTransportPolicy } from "../hsts/index.ts";
import type { AuditFacts, Http3Facts, TlsFacts } from "./facts.ts";
import { type Finding, fieldOf, finding } from "./findings.ts";

const DAY = 86_400_000;
/** Half a year, in seconds. */
const LONG_ENOUGH = 15_768_000;

export function transportFindings(facts: AuditFacts): Finding[] {
  const page = facts.documents[0]?.response;
  const url = page?.url ?? facts.url;
  const origin = parseOrigin(url);
  const found: Finding[] = [];
  if (facts.tls !== undefined) found.push(...tlsFindings(url, facts.tls, facts.now));
  if (page === undefined || origin === undefined) return found;
  if (origin.scheme === "http") {
    found.push(
      finding(
        "http/plain",
        url,
        "the page is served over http: anyone on the way can read and change it",
        {},
        "serve it over https, and redirect http there",
      ),
    );
    return found;
  }
  if (facts.http3 !== undefined) found.push(http3Finding(url, facts.http3, fieldOf(page.fields, "alt-svc")));
  const location = facts.plain && fieldOf(facts.plain.fields, "location");
  if (facts.plain !== undefined && !location?.startsWith("https:")) {
    found.push(
      finding(
        "http/plain",
        facts.plain.url,
        `http answers with ${facts.plain.status} instead of a redirect to https`,
        { status: facts.plain.status, location },
        `redirect ${facts.plain.url} to ${url} with 308`,
      ),
    );
  }
  // RFC 6797 §8.1.1: hosts that are addresses have no policy.
  if (!isIp(origin.host) && origin.host !== "localhost")
    found.push(...hstsFindings(url, fieldOf(page.fields, "strict-transport-security")));
  return found;
}

function http3Finding(url: string, { works, failure, inDns }: Http3Facts, altSvc: string | undefined): Finding {
  const inAltSvc = parseAltSvc(altSvc ?? "").some(({ protocol }) => protocol === "h3");
  const evidence = { altSvc: altSvc ?? null, httpsRecord: inDns ?? "not asked", ...(failure && { failure }) };
  const isAdvertised = inAltSvc || inDns === true;
  if (works && isAdvertised) {
    const by = [inAltSvc && "Alt-Svc", inDns && "an HTTPS record"].filter(Boolean).join(" and ");
    return finding("http3/used", url, `HTTP/3 works, and is advertised by ${by}`, evidence);
  }
  const port = /^https:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/i.exec(url)?.[1] ?? "443";
  const header = { url, header: "Alt-Svc", value: `h3=":${port}"; ma=86400` };
  if (works) {
    return finding(
      "http3/not-advertised",
      url,
      "HTTP/3 works, but no browser will try it: there is neither Alt-Svc nor an HTTPS record",
      evidence,
      `send Alt-Svc: ${header.value}, or publish an HTTPS record with alpn=h3`,
      [header],
    );
  }
  const why = failure === undefined ? "" : `: ${failure.message}`;
  if (isAdvertised) {
    return finding(
      "http3/fails",
      url,
      `HTTP/3 is advertised, but a connection fails${why}`,
      evidence,
      `open UDP port ${port} in the firewall, or stop advertising`,
    );
  }
  return finding(
    "http3/missing",
    url,
    `there is no HTTP/3${why}`,
    evidence,
    `serve HTTP/3 on UDP port ${port}, for example with nagare serve or nagare proxy`,
  );
}

function tlsFindings(url: string, { version, cipher, alpn, chain, problem }: TlsFacts, now: number): Finding[] {
  const found: Finding[] = [];
  const [own] = chain;
  found.push(
    finding(
      "tls/facts",
      url,
      `${version}, ${cipher}, ALPN ${alpn === "" ? "none" : alpn}; ${chain.map(({ subject, key }) => `${subject} (${key})`).join(" ← ")}`,
      { version, cipher, alpn, chain },
    ),
  );
  if (problem !== undefined) {
    found.push(
      finding(
        "tls/untrusted",
        url,
        `the certificate is not trusted: ${problem}`,
        { problem, chain },
        "use a certificate of a public authority for this name, with its intermediates",
      ),
    );
  }
  if (/TLS 1\.[012]|SSL/.test(version)) {
    found.push(finding("tls/old-version", url, `the server negotiates ${version}`, { version }, "allow TLS 1.3"));
  }
  if (own !== undefined && problem === undefined) {
    const left = own.notAfter - now;
    // Authorities renew at two thirds of the lifetime.
    if (left < Math.min(14 * DAY, (own.notAfter - own.notBefore) / 6)) {
      const days = Math.max(0, Math.floor(left / DAY));
      found.push(
        finding(
          "tls/expires-soon",
          url,
          `the certificate expires in ${days} days`,
          { notAfter: own.notAfter },
          "renew it, and check why it was not renewed by itself",
        ),
      );
    }
  }
  return found;
}

function hstsFindings(url: string, field: string | undefined): Finding[] {
  const header = { url, header: "Strict-Transport-Security", value: "max-age=31536000; includeSubDomains" };
  const fix = `send ${header.header}: ${header.value}, once every subdomain has https`;
  const policy = parseTransportPolicy(field ?? "");
  if (policy === undefined) {
    const message =
      field === undefined
        ? "there is no Strict-Transport-Security"
        : "Strict-Transport-Security has no valid max-age, or a directive twice, and is ignored";
    return [finding("hsts/missing", url, message, { field: field ?? null }, fix, [header])];
  }
  if (policy.maxAge >= LONG_ENOUGH) return [];
  return [
    finding(
      "hsts/short",
      url,
      `Strict-Transport-Security lasts for ${Math.round(policy.maxAge / 86_400)} days`,
      { field },
      fix,
      [header],
    ),
  ];
}
