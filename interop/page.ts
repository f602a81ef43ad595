/** docs/interop.md, from the recorded results and from what peers and cases say of themselves. */

import type { Case } from "./case.ts";
import type { PeerEntry } from "./peer.ts";
import type { Recorded, Recording } from "./record.ts";
import { countOf, markOf, peerFaults, type Role, summary } from "./result.ts";

export interface Described {
  readonly peers: readonly PeerEntry[];
  readonly cases: readonly Case[];
}

const HEAD = `# Interoperability

Nagare against other implementations of QUIC and HTTP, in both roles. \`npm run interop -- --record\` runs the matrix and writes this
page and the [results](interop.json).

\`\`\`
npm run interop                                     # everything; about an hour
npm run interop -- --peer curl --case transfer      # one peer, one case; both options may be repeated
npm run interop -- --jobs 3                         # three peers at a time
npm run interop -- --smoke                          # a browser and ngtcp2, with a smaller file
npm run interop -- --side quic-go --peer chromium   # a third party in our place, to see whose fault a failure is
npm run interop -- --json results.json              # { results: [{ peer, version, case, role, result, detail }] }
\`\`\`

All traffic stays on loopback. When run as root on Debian, the command installs missing programs with \`apt-get\`; curl, nginx and others
with HTTP/3 come from a Debian trixie folder that \`debootstrap\` creates once in \`~/.cache/nagare/peers\` (set \`NAGARE_PEERS\` to move
it). The programs of \`interop/peers/\`, which make peers of libraries, are built there once, by the installed Go, Rust, Python and npm.

✓ passes; – the peer does not support it; † fails because of the peer, which fails with a third party too; ✗ fails; a blank cell: the
case does not have this role, or was not run because the peer was not available. Every case compares the SHA-256 of each file with the
original and the protocol with the requested one, and, where it can be counted, checks that there was one connection.`;

const NOTES = `## HTTPS records

\`npm run interop-dns\`. In each row the record decides: without it, the site is not found, because nothing listens at the origin's own port
or over TCP.

| client | names | server | first request |
| --- | --- | --- | --- |
| Chromium | our record over our DNS over HTTPS | ours | h3 |
| ours | Knot 3.4 | Caddy 2.11 | h3 |
| ours | Knot 3.4 | nginx 1.26 | h3 |

## By hand

- ngtcp2 1.11: Version Negotiation in both directions between a side with version 1 only and one that starts with version 2 only, Retry
  before both switches, our preferred address followed by \`gtlsclient\`, and that of \`gtlsserver\` by our client.
- Client certificates over HTTP/3 to \`createServer({ requestCert: true })\` of \`nagare/node\`: curl and \`gtlsclient\` with the right one
  are accepted; curl with one of another authority, or with none, is refused.

## What is not shown here

- Chromium runs with \`--origin-to-force-quic-on\` and accepts the key of our certificate, which no public authority issued. In
  \`rollback\`, QUIC is not forced: the option names another port of the host, which makes Chromium accept a private certificate over
  QUIC, and only \`Alt-Svc\` leads to HTTP/3.
- Our client keeps to one connection here (\`replaceSilent: false\`), because the public runner's cases count handshakes.
- A key update that we initiate, against a real peer: ours comes after millions of packets. The tests in \`src/quic\` cover it.
- ECN and congestion: loopback keeps marks, but nothing on it marks congestion, and the relay drops marks. The simulator
  (\`test/simulator\`) does both; it also runs all cases of the public runner between our client and our server
  (\`test/simulator/interop-runner\`).
- Cross traffic of TCP: it cannot pass the relay. In \`crosstraffic\`, the other flow is one of QUIC.
- Real networks, other operating systems.`;

export function page(recording: Recording, { peers, cases }: Described): string {
  const { results } = recording;
  return [
    HEAD,
    ["## Results", `${summary(results)}.`].join("\n\n"),
    table("### Our server, their clients", "server", results, { peers, cases }),
    table("### Our client, their servers", "client", results, { peers, cases }),
    faults(results),
    unsupported(results),
    described(
      "## Peers",
      ["peer", "version", "what it is", "cells that pass", "date"],
      peers.flatMap(peerRow(results)),
    ),
    described(
      "## Cases",
      ["case", "what it shows"],
      cases.map(({ name, shows }) => [`\`${name}\``, shows]),
    ),
    NOTES,
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const described = (title: string, heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [title, "", row(heads), row(heads.map(() => "---")), ...rows.map(row)].join("\n");

function table(title: string, role: Role, all: readonly Recorded[], { peers, cases }: Described): string {
  const results = all.filter((each) => each.role === role);
  const columns = peers.filter(({ name }) => results.some(({ peer }) => peer === name));
  const rows = cases.flatMap(({ name }) => {
    const marks = columns.map((peer) => {
      const cell = results.find((each) => each.peer === peer.name && each.case === name);
      return cell === undefined ? "" : markOf(cell);
    });
    return marks.every((mark) => mark === "") ? [] : [[`\`${name}\``, ...marks]];
  });
  return described(title, ["", ...columns.map(({ name }) => name)], rows);
}

const peerRow =
  (results: readonly Recorded[]) =>
  ({ name, about }: PeerEntry): string[][] => {
    const own = results.filter(({ peer }) => peer === name);
    if (own.length === 0) return [];
    const { version } = own[0]!;
    const passed = countOf(own, "pass");
    const dates = own.map(({ date }) => date).sort();
    return [[name, version, about, `${passed} of ${passed + countOf(own, "fail")}`, dates.at(-1)!]];
  };

function faults(results: readonly Recorded[]): string {
  const failures = results.filter(({ result }) => result === "fail");
  if (failures.length === 0) return "";
  const rows = failures.map(({ peer, role, case: name, detail, cause }) => [
    peer,
    opposite(role),
    `\`${name}\``,
    oneLine(cause ?? `not known: ${detail}`),
  ]);
  const count = peerFaults(results).length;
  return described(
    `### Failures, ${count} of ${failures.length} because of the peer`,
    ["peer", "its role", "case", "cause"],
    rows,
  );
}

/** Cells with the same cause in one row. */
function unsupported(results: readonly Recorded[]): string {
  const groups = new Map<string, { readonly cells: readonly [string, string, string]; readonly cases: string[] }>();
  for (const { peer, role, case: name, result, detail } of results) {
    if (result !== "unsupported") continue;
    const cells = [peer, opposite(role), detail] as const;
    const group = groups.get(cells.join()) ?? { cells, cases: [] };
    groups.set(cells.join(), group);
    group.cases.push(`\`${name}\``);
  }
  const rows = [...groups.values()].map(({ cells: [peer, role, detail], cases }) => [
    peer,
    role,
    cases.join(", "),
    oneLine(detail),
  ]);
  return described("### Not supported by the peer", ["peer", "its role", "cases", "cause"], rows);
}

const opposite = (role: Role): Role => (role === "server" ? "client" : "server");

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").slice(0, 400);
