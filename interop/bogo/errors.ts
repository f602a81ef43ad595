/**
 * The runner expects BoringSSL's names of errors. This table says which of our errors each of them is: the alert, and where it
 * was found. (The alert that the runner receives is checked apart from this.)
 */

export const ERRORS: Readonly<Record<string, readonly string[]>> = {
  ":ALPN_MISMATCH_ON_EARLY_DATA:": ["illegal_parameter: early_data"],
  ":BAD_ECPOINT:": ["illegal_parameter: key_share"],
  ":BAD_SIGNATURE:": ["decrypt_error: certificate_verify"],
  ":CERTIFICATE_VERIFY_FAILED:": ["handshake_failure: certificate", "certificate_unknown: certificate"],
  ":CIPHER_MISMATCH_ON_EARLY_DATA:": ["illegal_parameter: early_data"],
  ":CLIENTHELLO_PARSE_FAILED:": ["decode_error: client_hello"],
  ":DECODE_ERROR:": [
    "decode_error: ",
    // RFC 9846 §4.2.3, RFC 8446 §4.3.2
    "protocol_version: server_hello: legacy_version",
    "illegal_parameter: certificate_request",
    "missing_extension: certificate_request",
  ],
  ":DIGEST_CHECK_FAILED:": ["decrypt_error: finished", "decrypt_error: pre_shared_key"],
  ":DUPLICATE_EXTENSION:": ["illegal_parameter: "],
  ":DUPLICATE_KEY_SHARE:": ["illegal_parameter: key_share"],
  ":EMPTY_HELLO_RETRY_REQUEST:": ["illegal_parameter: hello_retry_request"],
  ":ERROR_PARSING_EXTENSION:": ["decode_error: ", "unsupported_extension: "],
  // RFC 9001 §4.1.3 makes it a PROTOCOL_VIOLATION.
  ":EXCESS_HANDSHAKE_DATA:": ["PROTOCOL_VIOLATION: CRYPTO"],
  ":INVALID_ALPN_PROTOCOL:": ["illegal_parameter: application_layer_protocol_negotiation"],
  ":INVALID_COMPRESSION_LIST:": ["illegal_parameter: client_hello"],
  ":MISSING_EXTENSION:": ["missing_extension: "],
  ":MISSING_KEY_SHARE:": ["missing_extension: "],
  ":NO_APPLICATION_PROTOCOL:": ["no_application_protocol: "],
  ":NO_COMMON_SIGNATURE_ALGORITHMS:": ["handshake_failure: client_hello", "missing_extension: client_hello"],
  ":NO_SHARED_GROUP:": ["missing_extension: client_hello", "handshake_failure: client_hello"],
  ":OLD_SESSION_PRF_HASH_MISMATCH:": ["illegal_parameter: pre_shared_key"],
  ":PARSE_TLSEXT:": ["decode_error: "],
  // A server's certificate and a client's.
  ":PEER_DID_NOT_RETURN_A_CERTIFICATE:": ["decode_error: certificate", "certificate_required: certificate"],
  ":PRE_SHARED_KEY_MUST_BE_LAST:": ["illegal_parameter: pre_shared_key"],
  ":PSK_IDENTITY_BINDER_COUNT_MISMATCH:": ["illegal_parameter: pre_shared_key"],
  ":PSK_IDENTITY_NOT_FOUND:": ["illegal_parameter: pre_shared_key"],
  ":SECOND_SERVERHELLO_VERSION_MISMATCH:": ["protocol_version: server_hello", "illegal_parameter: supported_versions"],
  ":UNEXPECTED_COMPATIBILITY_MODE:": ["PROTOCOL_VIOLATION: client_hello"],
  // The second is for an extension that exists, but not in this message (RFC 8446 §4.2).
  ":UNEXPECTED_EXTENSION:": ["unsupported_extension: ", "illegal_parameter: "],
  ":UNEXPECTED_MESSAGE:": ["unexpected_message: "],
  // A key of another type than the signature fails when the signature is verified.
  ":UNSUPPORTED_ALGORITHM:": ["decrypt_error: certificate_verify"],
  ":UNSUPPORTED_PROTOCOL:": ["protocol_version: "],
  ":WRONG_CIPHER_RETURNED:": ["illegal_parameter: server_hello"],
  ":WRONG_CURVE:": ["illegal_parameter: key_share"],
  ":WRONG_ENCRYPTION_LEVEL_RECEIVED:": ["PROTOCOL_VIOLATION: CRYPTO"],
  ":WRONG_SIGNATURE_TYPE:": ["illegal_parameter: certificate_verify"],
};
