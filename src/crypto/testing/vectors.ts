/** Published vectors for an engine's symmetric cryptography. */

import { fromHex } from "../../wire/hex.ts";
import { utf8 } from "../../wire/text.ts";
import type { AeadName, GroupName, HashName } from "../engine.ts";

export interface AeadVector {
  readonly name: string;
  readonly aead: AeadName;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  readonly plaintext: Uint8Array;
  /** Ciphertext and tag. */
  readonly sealed: Uint8Array;
}

const GCM_PLAINTEXT =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const GCM_AAD = "feedfacedeadbeeffeedfacedeadbeefabaddad2";

export const AEAD_VECTORS: readonly AeadVector[] = [
  {
    name: "GCM specification, test case 1: empty input",
    aead: "aes-128-gcm",
    key: new Uint8Array(16),
    nonce: new Uint8Array(12),
    aad: new Uint8Array(0),
    plaintext: new Uint8Array(0),
    sealed: fromHex("58e2fccefa7e3061367f1d57a4e7455a"),
  },
  {
    name: "GCM specification, test case 2: one block of zeros",
    aead: "aes-128-gcm",
    key: new Uint8Array(16),
    nonce: new Uint8Array(12),
    aad: new Uint8Array(0),
    plaintext: new Uint8Array(16),
    sealed: fromHex("0388dace60b6a392f328c2b971b2fe78 ab6e47d42cec13bdf53a67b21257bddf"),
  },
  {
    name: "GCM specification, test case 4: 60 bytes and associated data",
    aead: "aes-128-gcm",
    key: fromHex("feffe9928665731c6d6a8f9467308308"),
    nonce: fromHex("cafebabefacedbaddecaf888"),
    aad: fromHex(GCM_AAD),
    plaintext: fromHex(GCM_PLAINTEXT),
    sealed: fromHex(
      `42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
       21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091
       5bc94fbc3221a5db94fae95ae7121a47`,
    ),
  },
  {
    name: "GCM specification, test case 16: the same under a 256-bit key",
    aead: "aes-256-gcm",
    key: fromHex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
    nonce: fromHex("cafebabefacedbaddecaf888"),
    aad: fromHex(GCM_AAD),
    plaintext: fromHex(GCM_PLAINTEXT),
    sealed: fromHex(
      `522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
       8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
       76fc6ece0f4e1768cddf8853bb2d551b`,
    ),
  },
  {
    name: "RFC 8439 §2.8.2",
    aead: "chacha20-poly1305",
    key: fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"),
    nonce: fromHex("070000004041424344454647"),
    aad: fromHex("50515253c0c1c2c3c4c5c6c7"),
    plaintext: utf8(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ),
    sealed: fromHex(
      `d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
       3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
       92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
       3ff4def08e4b7a9de576d26586cec64b6116
       1ae10b594f09e26a7e902ecbd0600691`,
    ),
  },
];

export interface HkdfVector {
  readonly name: string;
  readonly hash: HashName;
  readonly secret: Uint8Array;
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
  readonly extracted: Uint8Array;
  readonly expanded: Uint8Array;
}

const run = (from: number, to: number): Uint8Array => Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);

export const HKDF_VECTORS: readonly HkdfVector[] = [
  {
    name: "RFC 5869 §A.1",
    hash: "sha256",
    secret: new Uint8Array(22).fill(0x0b),
    salt: run(0x00, 0x0c),
    info: run(0xf0, 0xf9),
    extracted: fromHex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
    expanded: fromHex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
  },
  {
    name: "RFC 5869 §A.2: longer inputs and output",
    hash: "sha256",
    secret: run(0x00, 0x4f),
    salt: run(0x60, 0xaf),
    info: run(0xb0, 0xff),
    extracted: fromHex("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244"),
    expanded: fromHex(
      `b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09
       da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87`,
    ),
  },
  {
    name: "RFC 5869 §A.3: no salt, no info",
    hash: "sha256",
    secret: new Uint8Array(22).fill(0x0b),
    salt: new Uint8Array(0),
    info: new Uint8Array(0),
    extracted: fromHex("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"),
    expanded: fromHex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
  },
];

export interface ExchangeVector {
  readonly name: string;
  readonly group: GroupName;
  readonly scalar: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly peerPublicKey: Uint8Array;
  readonly shared: Uint8Array;
}

export const EXCHANGE_VECTORS: readonly ExchangeVector[] = [
  {
    name: "RFC 7748 §6.1, Alice",
    group: "x25519",
    scalar: fromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
    publicKey: fromHex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
    peerPublicKey: fromHex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
    shared: fromHex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
  },
  {
    name: "RFC 7748 §6.1, Bob",
    group: "x25519",
    scalar: fromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
    publicKey: fromHex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
    peerPublicKey: fromHex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
    shared: fromHex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
  },
  {
    name: "RFC 5903 §8.1, initiator",
    group: "secp256r1",
    scalar: fromHex("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"),
    publicKey: fromHex(
      `04 dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180
       5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3`,
    ),
    peerPublicKey: fromHex(
      `04 d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63
       56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab`,
    ),
    shared: fromHex("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"),
  },
  {
    name: "RFC 5903 §8.2, initiator",
    group: "secp384r1",
    scalar: fromHex("099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194"),
    publicKey: fromHex(
      `04 667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa
       9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c`,
    ),
    peerPublicKey: fromHex(
      `04 e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571
       dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c`,
    ),
    shared: fromHex("11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746"),
  },
];

/** Small-order points and equivalents, all of which yield the all-zero secret (RFC 7748 §6.1). */
export const X25519_LOW_ORDER: readonly Uint8Array[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(fromHex);
