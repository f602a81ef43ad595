/** Certificates by themselves: a client of authorities (RFC 8555), and the certificates of a server that uses it. */

export { Account, type AccountOptions } from "./account.ts";
export type { ChallengeKind } from "./answers.ts";
export { AcmeClient, type AcmeClientOptions } from "./client.ts";
export { DiskStorage } from "./disk-storage.ts";
export type { DnsCommand, DnsHook } from "./dns-hook.ts";
export { AcmeError, type AcmeErrorCode } from "./errors.ts";
export {
  type AutoSource,
  isAuto,
  loadManaged,
  ManagedCertificates,
  type ManagedOptions,
  type ManagedSource,
} from "./managed-certificates.ts";
export {
  type AcmeOptions,
  checkAcmeOptions,
  defaultAcmeFolder,
  LETS_ENCRYPT,
  LETS_ENCRYPT_STAGING,
  type OnDemandOptions,
} from "./options.ts";
export type { Problem } from "./problem.ts";
export { type RevocationReason, revokeCertificate } from "./revoke.ts";
export type { Storage, StorageLock } from "./storage.ts";
