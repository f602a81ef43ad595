/**
 * The requirements of RFC 9293, by their labels (Appendix B), and the test that shows each. `docs/conformance/rfc9293.md` is
 * made of this: `npx jiti scripts/rfc9293.ts` writes it.
 */

export interface Requirement {
  readonly labels: string;
  readonly text: string;
  /** The file of the test, and words of its title; the suite fails if there is no such test, or if it fails. */
  readonly test?: readonly [file: keyof typeof FILES, title: string];
  /** Why there is no test. */
  readonly reason?: string;
  /** The requirement is not met, on purpose. */
  readonly isDeviation?: true;
}

export const FILES = {
  requirements: "test/tcp/requirements.test.ts",
  scripts: "test/tcp/scripts.test.ts",
  codec: "src/tcp/codec.test.ts",
  wires: "src/netstack/tcp.test.ts",
} as const;

const shown = (labels: string, text: string, file: keyof typeof FILES, title: string): Requirement => ({
  labels,
  text,
  test: [file, title],
});
const explained = (labels: string, text: string, reason: string): Requirement => ({ labels, text, reason });
const deviation = (labels: string, text: string, reason: string): Requirement => ({
  labels,
  text,
  reason,
  isDeviation: true,
});

export const MUSTS: readonly Requirement[] = [
  shown("MUST-1", "The window is unsigned", "requirements", "MUST-1"),
  shown("MUST-2", "The sender computes the checksum", "requirements", "MUST-2, MUST-3"),
  shown("MUST-3", "The receiver checks the checksum", "requirements", "MUST-2, MUST-3"),
  shown("MUST-4", "End of list, no-operation and MSS", "codec", "a SYN of Linux"),
  shown("MUST-5", "Options in any segment", "scripts", "PAWS: an older timestamp"),
  shown("MUST-6", "Unknown options are ignored", "codec", "unknown options are skipped (MUST-6)"),
  shown("MUST-7", "Illegal option lengths do no harm", "codec", "MUST-7"),
  shown("MUST-8", "The clock part of an initial sequence number", "codec", "MUST-8, MUST-9"),
  shown("MUST-9", "Its secret part", "codec", "MUST-8, MUST-9"),
  shown("MUST-10", "Simultaneous open", "scripts", "MUST-10"),
  shown("MUST-11", "SYN-RECEIVED remembers who opened", "requirements", "MUST-11"),
  shown("MUST-12", "A reset and a close differ for the application", "requirements", "MUST-12"),
  shown(
    "MUST-13",
    "TIME-WAIT for 2 MSL",
    "scripts",
    "active close: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT for 2 MSL (MUST-13)",
  ),
  shown(
    "MUST-14",
    "The MSS option is sent and received",
    "scripts",
    "the SYN-ACK answers only the options of the SYN (MUST-14",
  ),
  shown("MUST-15", "536 bytes without the option", "scripts", "MUST-15"),
  shown("MUST-16", "The effective MSS counts options", "requirements", "MUST-16, MUST-65, MUST-67"),
  shown("MUST-17", "Nagle can be turned off", "scripts", "noDelay does not (MUST-17)"),
  shown("MUST-18", "Karn's algorithm", "requirements", "MUST-18"),
  shown("MUST-19", "Congestion control and backoff", "requirements", "MUST-19"),
  shown("MUST-20", "R1 and R2", "requirements", "MUST-20, MUST-21"),
  shown("MUST-21", "The application sets R2", "requirements", "MUST-20, MUST-21"),
  shown("MUST-22", "The same for a SYN", "requirements", "MUST-22"),
  shown("MUST-23", "R2 of a SYN is at least three minutes", "scripts", "R2 is at least three minutes (MUST-23)"),
  shown("MUST-24", "Keep-alive can be turned on and off", "requirements", "MUST-24, MUST-26"),
  shown("MUST-25", "It is off by default", "requirements", "MUST-25"),
  shown("MUST-26", "Only after idle time", "requirements", "MUST-24, MUST-26"),
  shown("MUST-27", "The interval can be set", "requirements", "MUST-24, MUST-26"),
  shown("MUST-28", "Two hours or more by default", "requirements", "MUST-24, MUST-26"),
  shown("MUST-29", "One unanswered probe ends nothing", "requirements", "MUST-24, MUST-26"),
  shown("MUST-30", "The urgent mechanism", "requirements", "MUST-30, MUST-31, MUST-62"),
  shown("MUST-31", "Urgent data of any length", "requirements", "MUST-30, MUST-31, MUST-62"),
  shown("MUST-32", "The application learns of urgent data", "requirements", "MUST-32, MUST-33"),
  shown("MUST-33", "It can learn how much there is", "requirements", "MUST-32, MUST-33"),
  shown("MUST-34", "A window that shrinks does no harm", "scripts", "the peer shrinks its window (MUST-34)"),
  shown("MUST-35", "Closed windows are probed", "scripts", "a zero window is probed"),
  shown("MUST-36", "The sender probes", "scripts", "a zero window is probed"),
  shown("MUST-37", "For as long as probes are acknowledged", "scripts", "a zero window is probed"),
  shown("MUST-38", "No silly window from the sender", "requirements", "MUST-38"),
  shown("MUST-39", "No silly window from the receiver", "requirements", "MUST-39"),
  shown("MUST-40", "Acknowledgments are late by less than 0.5 s", "requirements", "MUST-40"),
  shown("MUST-41", "A passive open disturbs nothing", "requirements", "MUST-41, MUST-42"),
  shown("MUST-42", "Several connections on one port", "requirements", "MUST-41, MUST-42"),
  shown("MUST-43", "The application may give the local address", "requirements", "MUST-43, MUST-44, MUST-45"),
  shown("MUST-44", "Otherwise IP chooses it", "requirements", "MUST-43, MUST-44, MUST-45"),
  shown("MUST-45", "It stays the same", "requirements", "MUST-43, MUST-44, MUST-45"),
  shown("MUST-46", "No connection to a group", "requirements", "MUST-46"),
  shown("MUST-47", "Soft errors reach the application", "requirements", "MUST-47, MUST-54, MUST-56"),
  shown("MUST-48", "The Diffserv field can be set", "requirements", "MUST-48, MUST-49"),
  shown("MUST-49", "The hop limit can be set", "requirements", "MUST-48, MUST-49"),
  shown("MUST-50", "Unknown IP options are ignored", "requirements", "MUST-50"),
  ...[
    "The application may give a source route",
    "It has precedence over a received one",
    "A received one is reversed",
  ].map((text, i) =>
    deviation(
      `MUST-${51 + i}`,
      text,
      "source routes are dropped, as everywhere: they defeat filters by address (RFC 7126)",
    ),
  ),
  shown("MUST-54", "ICMP errors are acted upon", "requirements", "MUST-54: a closed port or protocol"),
  shown("MUST-55", "Source Quench is ignored", "requirements", "MUST-55"),
  shown("MUST-56", "Soft errors end nothing", "requirements", "MUST-47, MUST-54, MUST-56"),
  shown("MUST-57", "A SYN to a broadcast or group is ignored", "requirements", "MUST-57"),
  shown("MUST-58", "One acknowledgment for several segments", "requirements", "MUST-58, MUST-59"),
  shown("MUST-59", "After all segments that wait", "requirements", "MUST-58, MUST-59"),
  shown("MUST-60", "Nothing is buffered forever", "requirements", "MUST-60, MUST-61"),
  shown("MUST-61", "The last segment has PSH", "requirements", "MUST-60, MUST-61"),
  shown("MUST-62", "The urgent pointer names the byte after", "requirements", "MUST-30, MUST-31, MUST-62"),
  shown("MUST-63", "A SYN from an invalid source is ignored", "requirements", "MUST-63"),
  shown("MUST-64", "Options at any alignment", "codec", "at any alignment (MUST-64)"),
  shown("MUST-65", "The MSS option only in a SYN", "requirements", "MUST-16, MUST-65, MUST-67"),
  shown("MUST-66", "RST and URG count with a closed window", "requirements", "MUST-66"),
  shown("MUST-67", "The MSS that is told", "requirements", "MUST-16, MUST-65, MUST-67"),
  shown("MUST-68", "Options have lengths", "codec", "MUST-7"),
  shown("MUST-69", "Zeros after the end of the list", "codec", "nothing after the end of the list"),
];

export const SHOULDS: readonly Requirement[] = [
  shown("SHLD-1", "The initial sequence number is a clock plus a keyed hash", "codec", "MUST-8, MUST-9"),
  shown("SHLD-2", "Data in a reset is accepted", "scripts", "the reason reaches the application"),
  shown("SHLD-3", "A reset for data after close", "scripts", "SHLD-3"),
  shown("SHLD-4", "Timestamps shorten TIME-WAIT", "scripts", "MAY-2: a newer SYN ends TIME-WAIT"),
  shown("SHLD-5", "An MSS option in each SYN", "scripts", "the handshake"),
  shown("SHLD-6", "The MSS of the interface", "requirements", "MUST-16, MUST-65, MUST-67"),
  shown("SHLD-7", "Nagle's algorithm", "scripts", "Nagle holds a small segment back"),
  shown("SHLD-8", "ECN", "requirements", "SHLD-8"),
  shown("SHLD-9", "The application learns of R1", "requirements", "MUST-20, MUST-21"),
  shown("SHLD-10", "R1 is at least three retransmissions", "requirements", "SHLD-10"),
  shown("SHLD-11", "R2 is at least 100 s", "requirements", "MUST-20, MUST-21"),
  shown("SHLD-12", "Keep-alive probes without data", "requirements", "MUST-24, MUST-26"),
  explained("SHLD-13", "New applications do not use urgent data", "for applications"),
  shown("SHLD-14", "The window does not shrink", "scripts", "a closed window: the edge never moves back"),
  shown("SHLD-15", "No new data beyond a shrunk window", "scripts", "the peer shrinks its window (MUST-34)"),
  shown("SHLD-16", "Data within it is sent again", "scripts", "an RTO retransmits one segment"),
  explained("SHLD-17", "Data beyond it ends nothing", "built: `Sender.heardAt`; no test of its own"),
  shown("SHLD-18", "Delayed acknowledgments", "requirements", "SHLD-18, SHLD-19"),
  shown("SHLD-19", "One for every second full segment", "requirements", "SHLD-18, SHLD-19"),
  shown("SHLD-20", "Reports of errors can be silenced", "requirements", "MUST-47, MUST-54, MUST-56"),
  explained("SHLD-21", "The Diffserv field may change", "it is set when a connection opens"),
  shown("SHLD-22", "It is passed to IP as it is", "requirements", "MUST-48, MUST-49"),
  explained("SHLD-23", "Applications do not change it", "for applications"),
  deviation("SHLD-24", "The later source route wins", "see MUST-51"),
  shown("SHLD-25", "The application learns of unreachable hosts", "requirements", "MUST-47, MUST-54, MUST-56"),
  shown("SHLD-26", "Hard errors end the connection", "requirements", "MUST-54: a closed port or protocol"),
  shown("SHLD-27", "PSH of several writes are one", "requirements", "MUST-60, MUST-61"),
  shown("SHLD-28", "Segments of the largest size", "requirements", "MUST-60, MUST-61"),
  shown("SHLD-29", "The first probe of a closed window after the RTO", "scripts", "a zero window is probed"),
  shown("SHLD-30", "The next at doubling intervals", "scripts", "a zero window is probed"),
  shown("SHLD-31", "Segments out of order are kept", "scripts", "out of order: duplicate ACKs with SACK"),
  shown("REC-1", "Windows of 32 bits", "wires", "a clean wire: no retransmissions"),
];

/** The page. */
export function requirementsPage(): string {
  const row = ({ labels, text, test, reason, isDeviation }: Requirement): string => {
    const result = isDeviation ? "deviation" : test === undefined ? "–" : "pass";
    const where = test === undefined ? reason! : `\`${FILES[test[0]]}\`: ${test[1].replaceAll("|", "\\|")}`;
    return `| ${labels} | ${text} | ${where} | ${result} |`;
  };
  const table = (rows: readonly Requirement[]): string =>
    `| label | requirement | shown by | |\n| --- | --- | --- | --- |\n${rows.map(row).join("\n")}\n`;
  const passed = MUSTS.filter(({ test }) => test !== undefined).length;
  return `# RFC 9293, requirement by requirement

${passed} of the ${MUSTS.length} MUSTs have a test of their behaviour; the other three are about source routes. A row names the file of the test
and the beginning of its title, or why there is none. The suite runs each test, and fails if a row names one that does not exist.
Made from \`test/tcp/requirements.ts\`; the stack is described in [netstack.md](../proposals/netstack.md).

## MUST

${table(MUSTS)}
## SHOULD

${table(SHOULDS)}`;
}
