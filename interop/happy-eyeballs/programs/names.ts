/**
 * The name server in the client's namespace, at 127.0.0.1:53: each answer takes as long as the site says. Its parent names the
 * site; it reports the questions.
 */

import { isSameName, parseRecord, RCODES, typeName } from "../../../src/dns/index.ts";
import { nameServer } from "../../../src/host/dns/testing/name-server.ts";
import { monotonic } from "../network.ts";

/** What the name server knows. */
export interface NamedSite {
  /** Absolute. */
  readonly name: string;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Of an HTTPS record. */
  readonly alpn: string | undefined;
  /** Milliseconds until each answer. */
  readonly delays: Readonly<Record<"A" | "AAAA" | "HTTPS", number>>;
}

/** A question, or word that the server is ready. */
export type NameReport =
  | { readonly type: "ready" }
  | { readonly type: "known"; readonly name: string }
  | { readonly type: "query"; readonly record: string; readonly name: string; readonly at: number };

const report = (message: NameReport): void => void process.send!(message);

let site: NamedSite | undefined;
process.on("message", (message: NamedSite) => {
  site = message;
  report({ type: "known", name: site.name });
});
process.on("disconnect", () => process.exit());

function linesFor({ name, ipv4, ipv6, alpn }: NamedSite): string[] {
  return [
    ...ipv4.map((each) => `${name} 60 A ${each}`),
    ...ipv6.map((each) => `${name} 60 AAAA ${each}`),
    ...(alpn === undefined ? [] : [`${name} 60 HTTPS 1 . alpn=${alpn}`]),
  ];
}

await nameServer([], {
  host: "127.0.0.1",
  port: 53,
  change(response, { questions: [question] }) {
    if (site === undefined || !isSameName(site.name, question!.name)) return response;
    const answers = linesFor(site)
      .map((line) => parseRecord(line))
      .filter(({ type }) => type === question!.type)
      .map((record) => ({ ...record, name: question!.name }));
    return { ...response, rcode: RCODES.NOERROR, answers };
  },
  delay({ questions: [question] }) {
    if (site === undefined || !isSameName(site.name, question!.name)) return 0;
    const record = typeName(question!.type);
    report({ type: "query", record, name: question!.name, at: monotonic() });
    return site.delays[record as keyof NamedSite["delays"]] ?? 0;
  },
});
report({ type: "ready" });
