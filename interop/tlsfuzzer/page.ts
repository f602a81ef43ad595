/** The page that a whole run writes: docs/tlsfuzzer.md. */

import { differentOf, type ScriptOutcome } from "./outcome.ts";
import { LEFT_OUT } from "./scripts.ts";

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** `revision` is the commit of tlsfuzzer. */
export function renderPage(outcomes: readonly ScriptOutcome[], revision: string, date: string): string {
  const rows = outcomes.map((outcome) => {
    const reasons = [...outcome.different].map(([reason, count]) => `${reason} (${count})`);
    return `| ${outcome.name} | ${outcome.passed} | ${outcome.failed.length} | ${differentOf(outcome)} | ${reasons.join("; ")} |`;
  });
  const passed = sum(outcomes.map((outcome) => outcome.passed));
  const failed = sum(outcomes.map((outcome) => outcome.failed.length));
  const different = sum(outcomes.map(differentOf));
  const others = Object.entries(LEFT_OUT).map(([reason, names]) => `| ${reason} | ${names.join(", ")} |`);
  return `# tlsfuzzer

[tlsfuzzer](https://github.com/tlsfuzzer/tlsfuzzer)'s scripts for TLS 1.3 against Nagare's TLS server. This page is written by

\`\`\`sh
npm run tlsfuzzer -- --source DIR --python PROGRAM   # a checkout; a Python with tlslite-ng, ecdsa and kyber-py
\`\`\`

Source: tlsfuzzer \`${revision}\` of ${date}. ${passed} probes passed, ${failed} failed, and in ${different} our server differs
for the reason in the table.

The scripts speak TLS over TCP, which Nagare does not have. So the test server puts a [record layer](../interop/tlsfuzzer/record-layer.ts)
around our TLS, and [an addition](../interop/tlsfuzzer/over-quic/sitecustomize.py) makes the scripts' ClientHellos those of QUIC. A
script that has very many probes runs a random sample of them.

| script | passed | failed | differ | why |
| --- | ---: | ---: | ---: | --- |
${rows.join("\n")}

## Scripts that do not apply

| reason | scripts |
| --- | --- |
${others.join("\n")}
`;
}
