/** The choice among chains for one certificate (RFC 8555 §7.4.2). */

import { parseX509 } from "../certificates/certificate.ts";
import { certificatesOfPem } from "../certificates/pem.ts";
import { type AcmeResponse, linksOf } from "./transport.ts";

const MAX_ALTERNATES = 5;

/** The first chain that names `issuer`, by default the first one. */
export async function preferredChain(
  first: AcmeResponse,
  download: (url: string) => Promise<AcmeResponse>,
  issuer: string | undefined,
): Promise<string> {
  if (issuer === undefined || isIssuedBy(first.body, issuer)) return first.body;
  for (const url of linksOf(first, "alternate").slice(0, MAX_ALTERNATES)) {
    const { body } = await download(url);
    if (isIssuedBy(body, issuer)) return body;
  }
  return first.body;
}

/** True if a certificate of the chain was issued under this common name. */
const isIssuedBy = (pem: string, issuer: string): boolean =>
  certificatesOfPem(pem).some((der) => parseX509(der).issuer.display.includes(issuer));
