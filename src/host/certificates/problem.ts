/** Problems with a peer's certificate: OpenSSL's and Node's codes, and the TLS alert for each. */

/** Alerts about certificates (RFC 8446 §6.2). */
export const Alert = {
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_expired: 45,
  certificate_unknown: 46,
  unknown_ca: 48,
} as const;

const ALERT_OF = {
  /** Unreadable, or not DER at all. */
  CERT_MALFORMED: Alert.bad_certificate,
  CERT_SIGNATURE_FAILURE: Alert.bad_certificate,
  /** SHA-1, MD5 and unknown algorithms. */
  CERT_MD_TOO_WEAK: Alert.bad_certificate,
  CERT_KEY_TOO_SMALL: Alert.bad_certificate,
  CERT_CHAIN_TOO_LONG: Alert.bad_certificate,
  CERT_NOT_YET_VALID: Alert.bad_certificate,
  CERT_HAS_EXPIRED: Alert.certificate_expired,
  UNHANDLED_CRITICAL_EXTENSION: Alert.unsupported_certificate,
  /** An issuer that is not a CA, or not one for this use. */
  INVALID_CA: Alert.unknown_ca,
  PATH_LENGTH_EXCEEDED: Alert.unknown_ca,
  INVALID_PURPOSE: Alert.unsupported_certificate,
  /** A CA issued a certificate for a name that it may not certify. */
  NAME_CONSTRAINT_VIOLATION: Alert.bad_certificate,
  DEPTH_ZERO_SELF_SIGNED_CERT: Alert.unknown_ca,
  SELF_SIGNED_CERT_IN_CHAIN: Alert.unknown_ca,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: Alert.unknown_ca,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: Alert.unknown_ca,
  ERR_TLS_CERT_ALTNAME_INVALID: Alert.bad_certificate,
} as const;

export type CertificateProblemCode = keyof typeof ALERT_OF;

export interface CertificateProblem {
  /** A TLS alert (RFC 8446 §6.2). */
  readonly alert: number;
  readonly code: CertificateProblemCode;
  /** One sentence that names the certificate and its problem. */
  readonly message: string;
}

export const problem = (code: CertificateProblemCode, message: string): CertificateProblem => ({
  alert: ALERT_OF[code],
  code,
  message,
});
