/**
 * Hashes and HMAC (EVP_MD, EVP_MAC). One context of each kind serves all calls: a call of node:crypto makes objects that
 * cost ten times the hashing of a short input, and a handshake takes forty HMACs.
 */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";
import { HASH_LENGTH, type HashName, type RunningHash } from "../engine.ts";
import { check, POINTER } from "./calls.ts";

const DIGEST_NAMES: Readonly<Record<HashName, string>> = { sha256: "SHA256", sha384: "SHA384" };

/** Offsets in the scratch memory. */
const OUTPUT = 0;
const KEY = 64;
const MAX_KEY = 192;
const INPUT = 256;
const MAX_INPUT = 4096;

/** OSSL_PARAM: a name, a type, a value with its size, and a size that is returned. The list ends with zeros. */
const PARAM_SIZE = 40;
const UTF8_STRING = 4;

interface HashContexts {
  readonly length: number;
  /** EVP_MD */
  readonly digest: number;
  /** EVP_MAC_CTX of HMAC with this hash. */
  readonly mac: number;
}

export class OpensslHashing {
  readonly #scratch: ForeignMemory;
  readonly #newContext: (...values: number[]) => number;
  readonly #freeContext: (...values: number[]) => number;
  readonly #copyContext: (...values: number[]) => number;
  readonly #init: (...values: number[]) => number;
  readonly #update: (...values: number[]) => number;
  readonly #final: (...values: number[]) => number;
  readonly #macInit: (...values: number[]) => number;
  readonly #macUpdate: (...values: number[]) => number;
  readonly #macFinal: (...values: number[]) => number;
  readonly #hashes: Readonly<Record<HashName, HashContexts>>;
  /** EVP_MD_CTX for digests that end at once. */
  readonly #spare: number;
  /** A running hash has no end, so the collector frees its context. */
  readonly #running = new FinalizationRegistry<number>((context) => void this.#freeContext(context));

  /** Throws if a function or a hash is missing. */
  constructor(ffi: ForeignFunctions) {
    const process = ffi.load(null);
    this.#scratch = new ForeignMemory(ffi, INPUT + MAX_INPUT);
    this.#newContext = process.func("EVP_MD_CTX_new", POINTER, []);
    this.#freeContext = process.func("EVP_MD_CTX_free", "void", [POINTER]);
    this.#copyContext = process.func("EVP_MD_CTX_copy_ex", "int", [POINTER, POINTER]);
    this.#init = process.func("EVP_DigestInit_ex", "int", [POINTER, POINTER, POINTER]);
    this.#update = process.func("EVP_DigestUpdate", "int", [POINTER, POINTER, "size_t"]);
    this.#final = process.func("EVP_DigestFinal_ex", "int", [POINTER, POINTER, POINTER]);
    this.#macInit = process.func("EVP_MAC_init", "int", [POINTER, POINTER, "size_t", POINTER]);
    this.#macUpdate = process.func("EVP_MAC_update", "int", [POINTER, POINTER, "size_t"]);
    this.#macFinal = process.func("EVP_MAC_final", "int", [POINTER, POINTER, POINTER, "size_t"]);
    const fetchDigest = process.func("EVP_MD_fetch", POINTER, [POINTER, POINTER, POINTER]);
    const fetchMac = process.func("EVP_MAC_fetch", POINTER, [POINTER, POINTER, POINTER]);
    const newMac = process.func("EVP_MAC_CTX_new", POINTER, [POINTER]);
    const hmac = fetchMac(0, this.#name("HMAC", INPUT), 0);
    if (hmac === 0) throw new Error("OpenSSL has no HMAC");
    const contextsOf = (hash: HashName): HashContexts => {
      const digest = fetchDigest(0, this.#name(DIGEST_NAMES[hash], INPUT), 0);
      if (digest === 0) throw new Error(`OpenSSL has no ${DIGEST_NAMES[hash]}`);
      const mac = newMac(hmac);
      check(this.#macInit(mac, this.#scratch.address + KEY, 1, this.#digestParameter(DIGEST_NAMES[hash])));
      return { length: HASH_LENGTH[hash], digest, mac };
    };
    this.#hashes = { sha256: contextsOf("sha256"), sha384: contextsOf("sha384") };
    this.#spare = this.#newContext();
  }

  createHash(hash: HashName): RunningHash {
    const { digest, length } = this.#hashes[hash];
    const context = this.#newContext();
    check(this.#init(context, digest, 0));
    const running: RunningHash = {
      update: (bytes) => this.#add(context, bytes),
      digest: () => {
        check(this.#copyContext(this.#spare, context));
        return this.#end(length);
      },
      digestWith: (more) => {
        check(this.#copyContext(this.#spare, context));
        this.#add(this.#spare, more);
        return this.#end(length);
      },
    };
    this.#running.register(running, context);
    return running;
  }

  hash(hash: HashName, bytes: Uint8Array): Uint8Array {
    const { digest, length } = this.#hashes[hash];
    check(this.#init(this.#spare, digest, 0));
    this.#add(this.#spare, bytes);
    return this.#end(length);
  }

  hmac(hash: HashName, key: Uint8Array, bytes: Uint8Array, wanted: number = HASH_LENGTH[hash]): Uint8Array {
    // RFC 2104 §2: a longer key is hashed first.
    if (key.length > MAX_KEY) return this.hmac(hash, this.hash(hash, key), bytes, wanted);
    const { mac, length } = this.#hashes[hash];
    const { bytes: scratch, address } = this.#scratch;
    scratch.set(key, KEY);
    const result = this.#macInit(mac, address + KEY, key.length, 0);
    scratch.fill(0, KEY, KEY + key.length);
    check(result);
    if (bytes.length <= MAX_INPUT) {
      scratch.set(bytes, INPUT);
      check(this.#macUpdate(mac, address + INPUT, bytes.length));
    } else {
      for (let at = 0; at < bytes.length; at += MAX_INPUT) {
        const part = bytes.subarray(at, at + MAX_INPUT);
        scratch.set(part, INPUT);
        check(this.#macUpdate(mac, address + INPUT, part.length));
      }
    }
    check(this.#macFinal(mac, address + OUTPUT, 0, length));
    return scratch.slice(OUTPUT, OUTPUT + wanted);
  }

  #add(context: number, bytes: Uint8Array): void {
    const { bytes: scratch, address } = this.#scratch;
    for (let at = 0; at < bytes.length; at += MAX_INPUT) {
      const part = bytes.length <= MAX_INPUT ? bytes : bytes.subarray(at, at + MAX_INPUT);
      scratch.set(part, INPUT);
      check(this.#update(context, address + INPUT, part.length));
    }
  }

  #end(length: number): Uint8Array {
    check(this.#final(this.#spare, this.#scratch.address + OUTPUT, 0));
    return this.#scratch.bytes.slice(OUTPUT, OUTPUT + length);
  }

  /** Writes a C string; returns its address. */
  #name(text: string, offset: number): number {
    for (let i = 0; i < text.length; i += 1) this.#scratch.bytes[offset + i] = text.charCodeAt(i);
    this.#scratch.bytes[offset + text.length] = 0;
    return this.#scratch.address + offset;
  }

  /** The list of parameters that gives HMAC its hash; returns its address. */
  #digestParameter(name: string): number {
    const list = INPUT + 64;
    const { address, view, bytes } = this.#scratch;
    bytes.fill(0, list, list + 2 * PARAM_SIZE);
    this.#scratch.setWord(list, this.#name("digest", INPUT));
    view.setUint32(list + 8, UTF8_STRING, true);
    this.#scratch.setWord(list + 16, this.#name(name, INPUT + 16));
    this.#scratch.setWord(list + 24, name.length);
    return address + list;
  }
}
