/** The page that a whole run writes: docs/tls-conformance.md. */

import { type Group, groupsOf, type Outcomes } from "./report.ts";

/** The runner's tests whose name ends so were made for TLS over TCP. */
const CARRIED = "-OverQUIC";

export interface Source {
  /** The commit of BoringSSL. */
  readonly revision: string;
  /** Its day, as YYYY-MM-DD. */
  readonly date: string;
}

const table = (groups: readonly Group[]): string =>
  ["| tests | reason |", "| ---: | --- |", ...groups.map(({ reason, count }) => `| ${count} | ${reason} |`)].join("\n");

export function renderPage({ passed, failed, unimplemented, disabled }: Outcomes, { revision, date }: Source): string {
  const carried = passed.filter((name) => name.endsWith(CARRIED)).length;
  return `# TLS conformance

BoringSSL's protocol test runner (BoGo) against Nagare's TLS 1.3. This page is written by

\`\`\`sh
npm run bogo -- --source DIR   # a checkout of BoringSSL; needs Go
\`\`\`

Source: BoringSSL \`${revision}\` of ${date}.

| passed | failed | unimplemented | disabled |
| ---: | ---: | ---: | ---: |
| ${passed.length} | ${failed.length} | ${unimplemented.length} | ${disabled.length} |

The runner has its own implementation of TLS, which it makes misbehave in one way per test. It drives a
[shim](../interop/bogo/shim.ts): our TLS machines on the runner's stand-in for QUIC, which carries handshake bytes with their
encryption level and shows whether both sides have the same secrets. Nagare has no TLS over TCP, so the tests of TLS 1.3 that the
runner makes for TCP run over that transport too ([how](../interop/bogo/over_quic.go)): ${carried} of the tests that passed.

A test that must fail names the error of BoringSSL and the alert that the runner must receive. [A table](../interop/bogo/errors.ts)
says which of our errors correspond to each of BoringSSL's. Alerts are compared as they are; a PROTOCOL_VIOLATION of QUIC counts as
unexpected_message.
${failed.length === 0 ? "" : `\n## Failed\n\n${failed.map(({ name }) => `- ${name}\n`).join("")}`}
## Unimplemented

The test asks for something that Nagare's TLS does not have, and the shim answers so.

${table(groupsOf(unimplemented))}

## Disabled

Not run: tests of another protocol, and tests in which BoringSSL and Nagare differ where the RFCs leave a choice
([the list](../interop/bogo/disabled.ts)).

${table(groupsOf(disabled))}

## OpenSSL's tests

Not run. Its cases for TLS 1.3 need OpenSSL on both sides:

| tests | reason |
| --- | --- |
| \`test/ssl-tests\` | configurations in OpenSSL's own commands (\`SSL_CONF_cmd\`) for a program that makes both sides with its library |
| \`test/recipes\` with TLSProxy | a proxy changes messages between \`openssl s_client\` and \`openssl s_server\`, and can read them because a test provider (\`p_ossltest\`) replaces the ciphers. Another stack would need both programs' flags and such ciphers; its checks of whole handshakes expect OpenSSL's own extensions |

Wrong messages are covered by the runner above and by [tlsfuzzer](tlsfuzzer.md), and handshakes with OpenSSL by the
[interop matrix](interop.md) (curl, nginx, HAProxy).
`;
}
