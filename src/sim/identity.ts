/**
 * A server identity that is the same in every run. Ed25519 signatures are deterministic (RFC 8032 §5.1.6). ECDSA and
 * RSA-PSS signatures are not: with such keys the same seed would give different bytes. The private key is public: trust
 * it only in simulations.
 */

import { createEd25519Signer, type Ed25519Signer } from "../crypto/pure/ed25519-signer.ts";
import type { TlsIdentity } from "../tls/index.ts";
import { fromHex } from "../wire/hex.ts";

export const SIMULATED_PRIVATE_KEY = new Uint8Array(32).fill(0x6e);

/** Self-signed, for server.test and localhost, from 2000 to 2999. */
const CERTIFICATE =
  "308201403081f3a003020102020101300506032b6570301c311a301806035504030c114e61676172652073696d756c6174696f6e" +
  "3020170d3030303130313030303030305a180f32393939313233313233353935395a301c311a301806035504030c114e61676172" +
  "652073696d756c6174696f6e302a300506032b6570032100014e4d922c596a380adfc9eed722e835822f1236761693e4babb61e1" +
  "afbb04f1a3583056300c0603551d130101ff04023000300e0603551d0f0101ff04040302078030130603551d25040c300a06082b" +
  "0601050507030130210603551d11041a3018820b7365727665722e7465737482096c6f63616c686f7374300506032b6570034100" +
  "79f7caff0cfb32b8485bb30f6fff90b1ce395a97867c6e87c11b6f2805281dedbea048b90980bd7f341b9c859c7d813ba286d08a" +
  "978950fd4658228f076c1e05";

export const createSimulatedSigner = (): Ed25519Signer => createEd25519Signer(SIMULATED_PRIVATE_KEY);

/** For `createTls` of a simulated server. The client trusts the certificate itself. */
export const simulatedIdentity = (): TlsIdentity => ({
  chain: [fromHex(CERTIFICATE)],
  signer: createSimulatedSigner(),
});
