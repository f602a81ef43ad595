/** Verifies generated chains against one root and one issuer below it. */

import { expect } from "vitest";
import type { CertificateProblemCode } from "../problem.ts";
import { createCertificateVerifier, type Verdict } from "../verify.ts";
import { makeCertificate, type TestCertificate } from "./make-certificate.ts";

export const now = new Date();
export const root = makeCertificate({ subject: "Root", ca: true });
export const issuer = makeCertificate({ subject: "Issuer", ca: true, issuer: root });
const trustRoot = createCertificateVerifier({ ca: [root.cert] });

export const judge = (
  leaf: TestCertificate | readonly Uint8Array[],
  name = "a.test",
  verifier = trustRoot,
): Promise<Verdict> => verifier.verify("chain" in leaf ? leaf.chain : leaf, name, now);

export async function expectAccepted(verdict: Promise<Verdict>): Promise<void> {
  expect(await verdict).toEqual({ ok: true });
}

export async function expectRefused(
  verdict: Promise<Verdict>,
  code: CertificateProblemCode,
  alert: number,
  ...mentioned: readonly string[]
): Promise<void> {
  const refused = await verdict;
  expect(refused).toMatchObject({ ok: false, code, alert });
  for (const text of mentioned) expect((refused as { message: string }).message).toContain(text);
}
