// A test authority that issues valid and invalid certificates, on host/certificates' generator of test certificates.
import { makeCertificate } from "../../certificates/testing/make-certificate.ts";

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** PEM. */
  readonly ca: string;
  issue(options?: IssueOptions): Issued;
}

export interface IssueOptions {
  readonly names?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export function makeAuthority(subject = "Test Authority"): Authority {
  const authority = makeCertificate({ subject, ca: true });
  return {
    ca: authority.cert,
    issue({ names = ["localhost", "127.0.0.1", "::1"], ...dates } = {}) {
      const { cert, key } = makeCertificate({ names, issuer: authority, ...dates });
      return { cert, key };
    },
  };
}
