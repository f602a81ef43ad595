/** Certificates: of this server, and of those a client meets. */

/** A self-signed certificate for localhost, kept between runs. */
export { type DevelopmentIdentity, type DevelopmentOptions, developmentIdentity } from "./development.ts";
/** A chain with its key, from text or from files. */
export {
  type Identity,
  IdentityError,
  type IdentityProblem,
  type IdentitySource,
  type LoadOptions,
  loadIdentity,
  loadIdentityFiles,
} from "./identity.ts";
/** The client's judgement of a server's chain. */
export type { CertificateProblem, CertificateProblemCode } from "./problem.ts";
/** A private key as TLS uses it. */
export { createSigner } from "./signer.ts";
/** The choice among identities by server name and by what the client verifies. */
export { CertificateStore } from "./store.ts";
export { TrustError, type TrustSource } from "./trust.ts";
export { type CertificateVerifier, createCertificateVerifier, type Verdict, type VerifierOptions } from "./verify.ts";
