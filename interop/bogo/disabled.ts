/** Tests that do not apply to Nagare, as globs of their names, by the reason. */

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "the record layer (QUIC carries TLS)": [
    "Alert-OverQUIC",
    "AppDataBefore*-OverQUIC",
    "CheckRecordVersion-TLS13-OverQUIC",
    "FragmentedClientVersion-OverQUIC",
    "DoubleAlert-OverQUIC",
    "FragmentAlert-OverQUIC",
    "GarbageInitialRecordVersion-TLS13-OverQUIC",
    "LargeCiphertext-OverQUIC",
    "LargePlaintext*-OverQUIC",
    // The runner would answer with an alert.
    "NoSharedCipher-TLS13-OverQUIC",
    "LooseInitialRecordVersion-TLS13-OverQUIC",
    "PackedEncryptedHandshake-TLS13-OverQUIC",
    "Peek-Alert-OverQUIC",
    "Unclean-Shutdown-Ignored-OverQUIC",
    "SendInvalidRecordType-OverQUIC",
    // Records that fail to decrypt.
    "SkipEarlyData-*-OverQUIC",
    // Puts a message into each record.
    "StrayHelloRequest-TLS13-OverQUIC",
    "TLS13-EmptyRecords-TLS-OverQUIC",
    "TLS13-OnlyPadding-TLS-OverQUIC",
    "TLS13-RecordPadding-TLS-OverQUIC",
    "TLS13-WrongOuterRecord-TLS-OverQUIC",
    "UnencryptedEncryptedExtensions-OverQUIC",
  ],
  "EndOfEarlyData (QUIC has none, RFC 9001 §8.3)": [
    "EarlyData-SkipEndOfEarlyData-TLS13-OverQUIC",
    "EarlyData-UnexpectedHandshake-Server-TLS13-OverQUIC",
    "Server-NonEmptyEndOfEarlyData-TLS13-OverQUIC",
    "TrailingMessageData-TLS13-EndOfEarlyData-TLS-OverQUIC",
    "WrongMessageType-TLS13-EndOfEarlyData-TLS-OverQUIC",
    // The runner fails, because it waits for the message.
    "EarlyDataWithoutResume-Client-TLS13-OverQUIC",
  ],
  "a size limit of early data (QUIC's flow control limits it, RFC 9001 §4.6.1)": [
    "TLS13-EarlyData-TooMuchData-*-OverQUIC",
    "TLS13-MaxEarlyData-Server-*-OverQUIC",
  ],
  "compatibility mode (QUIC forbids it, RFC 9001 §8.4)": [
    "*ChangeCipherSpec-*-OverQUIC",
    "Server-*SessionID-TLS13-OverQUIC",
    "Server-JDK11-*-OverQUIC",
    "TLS13SessionID-TLS13-OverQUIC",
  ],
  "TLS without QUIC": ["QUICTransportParams-*NonQUIC*-OverQUIC"],
  "early data before a HelloRetryRequest, after which the runner uses the wrong encryption level": [
    "EarlyData-HRR-*Server-TLS13-OverQUIC",
  ],
  "a client that also offers TLS 1.2": ["EMS-Forbidden-TLS13-OverQUIC", "RenegotiationInfo-Forbidden-TLS13-OverQUIC"],
  "a connection without ALPN (QUIC needs it, RFC 9001 §8.1)": [
    "EarlyData-ALPNOmitted*-OverQUIC",
    "UnofferedExtension-Client-TLS13-OverQUIC",
  ],
  "a ClientHello with another legacy_version (refused by RFC 9846 §4.2.2, ignored by RFC 8446 §4.2.1)": [
    "IgnoreLegacyVersion-TLS13-OverQUIC",
    "VersionTolerance-TLS13-OverQUIC",
  ],
  "an error that is a decode_error here (RFC 8446 §6.2) and a decrypt_error in BoringSSL: a Finished or binder of another length":
    [
      "Resume-Server-BinderWrongLength*-OverQUIC",
      "TrailingMessageData-TLS13-ClientFinished-QUIC",
      "TrailingMessageData-TLS13-ServerFinished-QUIC",
    ],
  "an error that is an illegal_parameter here and a decode_error in BoringSSL (the RFCs name no alert): a duplicate extension, a compression method":
    [
      "DuplicateExtensionClient-QUIC-TLS13",
      "DuplicateExtensionServer-QUIC-TLS13",
      "TLS13-InvalidCompressionMethod-OverQUIC",
      "TLS13-HRR-InvalidCompressionMethod-OverQUIC",
    ],
  "the beginning of a message before its turn (allowed at the same encryption level; BoringSSL refuses it)": [
    "PartialSecondClientHelloAfterFirst-OverQUIC",
    "PartialServerHelloWithHelloRetryRequest-OverQUIC",
  ],
  "a client whose key does not suit the request (it sends no certificate, RFC 8446 §4.4.2; BoringSSL's gives up)": [
    "Client-Sign-*_SHA1-TLS13-OverQUIC",
    "Client-Sign-RSA_PKCS1_*-TLS13-OverQUIC",
    "Client-Sign-Negotiate-RSA_PKCS1_*-TLS13-OverQUIC",
    "Client-SignDefault-*_SHA1-TLS13-OverQUIC",
    "Client-SignDefault-RSA_PKCS1_*-TLS13-OverQUIC",
    "Client-TLS13-NoSign-*-OverQUIC",
    "NoCommonAlgorithms-TLS13-OverQUIC",
  ],
  "an illegal_parameter (RFC 8446 §4.2) where BoringSSL sends unsupported_extension: an extension of another message": [
    "EncryptedExtensionsWithKeyShare-TLS13-OverQUIC",
  ],
  "a bad_certificate (RFC 8446 §6.2) where BoringSSL sends decode_error: a corrupt certificate": [
    "GarbageCertificate-*-TLS13-OverQUIC",
  ],
  "the validation of certificates, which is the host's part (src/host/certificates)": [
    "ECDSAKeyUsage-*-TLS13-OverQUIC",
    "RSAKeyUsage-*-WantSignature-GotEncipherment-TLS13-OverQUIC",
  ],
  "a server that asks for the share of a better group (ours takes a share that it has, RFC 8446 §4.2.8)": [
    "SendHelloRetryRequest-2-TLS13-OverQUIC",
  ],
  "a client that offers the session of a protocol that it no longer wants (ours does not)": [
    "EarlyData-ALPNPreferenceChanged-TLS13-OverQUIC",
  ],
  "a session resumed with another suite of the same hash (allowed by RFC 8446 §4.6.1; BoringSSL declines)": [
    "Resume-Server-CipherNotPreferred-TLS13-OverQUIC",
    "Resume-Server-UnofferedCipher-TLS13-OverQUIC",
  ],
  "a choice of the signature schemes to accept": [
    "VerifyPreferences-Advertised-OverQUIC",
    "VerifyPreferences-Enforced-OverQUIC",
    "VerifyPreferences-NoCommonAlgorithms-OverQUIC",
  ],
  "BoringSSL's refusal of Ed25519 by default": [
    "Ed25519DefaultDisable-*-OverQUIC",
    "*-VerifyDefault-Ed25519-TLS13-OverQUIC",
  ],
  "a preference of cipher suites that depends on the client's (RFC 8446 leaves it to the server)": [
    "TLS13-CipherPreference-Server-ChaCha20-AES-OverQUIC",
  ],
  "BoringSSL's default groups and key shares": [
    "MLKEMKeyShareIncluded*-OverQUIC",
    "NotJustMLKEMKeyShare-*-OverQUIC",
    "PostQuantumEnabledByDefaultInClients-OverQUIC",
  ],
  "GREASE and permuted extensions in what we send": ["GREASE-Server-TLS13-OverQUIC"],
  "Encrypted Client Hello": ["*-ECH-Server-ECHInner*"],
  "raw public keys": [
    "CertificateSelection-Server-CertificateType-MatchesRawPublicKeyOverX509-MatchNone-TLS-TLS13-OverQUIC",
    "CertificateSelection-Server-CertificateType-Unknown-X509-MatchNone-TLS-TLS13-OverQUIC",
    "ServerCertificateType-Server-RejectsDefaultOnly-TLS13-OverQUIC",
  ],
  "certificate compression": ["DuplicateCertCompressionExt-TLS13-OverQUIC"],
  "password-authenticated key exchange": ["PAKE-Extension-Duplicate-OverQUIC"],
  "trust anchor identifiers": ["ExtensionTrailingData-TrustAnchors-*", "TrustAnchors-EmptyID-ClientHello-OverQUIC"],
  "the flags extension in tickets": [
    "TLS13-Client-EmptyTicketFlags-OverQUIC",
    "TLS13-Client-NonminimalTicketFlags-OverQUIC",
  ],
};

/** As the runner's configuration wants it. */
export const DISABLED: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(GROUPS).flatMap(([reason, patterns]) => patterns.map((pattern) => [pattern, reason])),
);
