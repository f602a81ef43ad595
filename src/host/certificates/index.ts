/** Certificates: this server's own, and those a client receives. */

/** A self-signed certificate for localhost, kept across runs. */
export { type DevelopmentIdentity, type DevelopmentOptions, developmentIdentity } from "./development.ts";
/** A certificate chain and its key, from text or files. */
export {
  type Identity,
  IdentityError,
  type IdentityProblem,
  type IdentitySource,
  type LoadOptions,
  loadIdentity,
  loadIdentityFiles,
} from "./identity.ts";
/** The client's verdict on a server's chain. */
export type { CertificateProblem, CertificateProblemCode } from "./problem.ts";
/** A private key as TLS uses it. */
export { createSigner } from "./signer.ts";
/** Selects an identity by server name and by the signature schemes that the client supports. */
export { CertificateStore } from "./store.ts";
export { TrustError, type TrustSource } from "./trust.ts";
export { type CertificateVerifier, createCertificateVerifier, type Verdict, type VerifierOptions } from "./verify.ts";
