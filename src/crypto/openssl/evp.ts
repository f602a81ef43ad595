/**
 * The cipher functions of the OpenSSL that the node binary carries (EVP), called through a foreign-function interface.
 * Node exports them for addons. A binary without OpenSSL 3, such as Electron's, does not have them.
 */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";
import { check, POINTER } from "./calls.ts";

/** The address of an EVP_CIPHER_CTX. */
export type ContextPointer = number & { readonly __brand: "EVP_CIPHER_CTX" };

export const ENCRYPT = 1;
export const DECRYPT = 0;
/** For `init`: the direction stays. */
const UNCHANGED = -1;

const GET_TAG = 0x10;
const SET_TAG = 0x11;

const CIPHER_INIT = [POINTER, POINTER, POINTER, POINTER, POINTER, "int"];

/** Offsets in the scratch memory: an IV, a length that OpenSSL writes, and room for a key or a name. */
const IV = 0;
const OUTPUT_LENGTH = 16;
const TEXT = 24;
const SCRATCH = 64;

const MAX_IV = 16;

/** For `dlsym`: the whole process. */
const RTLD_DEFAULT = 0;

export class Evp {
  /** Written before each packet. */
  readonly iv: Uint8Array;
  readonly #scratch: ForeignMemory;
  readonly #address: ForeignFunctions["address"];
  readonly #fetch: (...values: number[]) => number;
  readonly #create: (...values: number[]) => number;
  readonly #free: (...values: number[]) => number;
  readonly #init: (...values: number[]) => number;
  readonly #update: (...values: number[]) => number;
  readonly #final: (...values: number[]) => number;
  readonly #control: (...values: number[]) => number;
  readonly #setPadding: (...values: number[]) => number;
  readonly #symbol: (...values: number[]) => number;
  readonly #clearErrors: (...values: number[]) => number;
  readonly #addresses = new WeakMap<Uint8Array, number>();
  /** Only a net: owners free their contexts. */
  readonly #forgotten = new FinalizationRegistry<ContextPointer>((context) => void this.#free(context));

  /** Throws if a function is missing. */
  constructor(ffi: ForeignFunctions) {
    const process = ffi.load(null);
    this.#scratch = new ForeignMemory(ffi, SCRATCH);
    this.#address = ffi.address;
    this.iv = this.#scratch.bytes.subarray(IV, IV + MAX_IV);
    this.#fetch = process.func("EVP_CIPHER_fetch", POINTER, [POINTER, POINTER, POINTER]);
    this.#create = process.func("EVP_CIPHER_CTX_new", POINTER, []);
    this.#free = process.func("EVP_CIPHER_CTX_free", "void", [POINTER]);
    this.#init = process.func("EVP_CipherInit_ex", "int", CIPHER_INIT);
    this.#update = process.func("EVP_CipherUpdate", "int", [POINTER, POINTER, POINTER, POINTER, "int"]);
    this.#final = process.func("EVP_CipherFinal_ex", "int", [POINTER, POINTER, POINTER]);
    this.#control = process.func("EVP_CIPHER_CTX_ctrl", "int", [POINTER, "int", "int", POINTER]);
    this.#clearErrors = process.func("ERR_clear_error", "void", []);
    this.#setPadding = process.func("EVP_CIPHER_CTX_set_padding", "int", [POINTER, "int"]);
    this.#symbol = process.func("dlsym", POINTER, [POINTER, POINTER]);
  }

  /** Finds a cipher by OpenSSL's name for it. It lives as long as the process. */
  cipher(name: string): number {
    const cipher = this.#fetch(0, this.#text(name), 0);
    if (cipher === 0) throw new Error(`OpenSSL has no ${name}`);
    return cipher;
  }

  /** The address of one of OpenSSL's functions, for calls that JavaScript does not make itself. */
  functionAddress(name: string): number {
    const address = this.#symbol(RTLD_DEFAULT, this.#text(name));
    if (address === 0) throw new Error(`OpenSSL has no ${name}`);
    return address;
  }

  /** The address of a name, as C has it, until the next one. */
  #text(name: string): number {
    const { bytes, address } = this.#scratch;
    for (let i = 0; i < name.length; i += 1) bytes[TEXT + i] = name.charCodeAt(i);
    bytes[TEXT + name.length] = 0;
    return address + TEXT;
  }

  /** Creates a context with a key. It must be freed, or is when `owner` is collected. */
  createContext(owner: object, cipher: number, key: Uint8Array, direction: number): ContextPointer {
    const context = this.#create() as ContextPointer;
    if (context === 0) throw new Error("OpenSSL is out of memory");
    this.#forgotten.register(owner, context, owner);
    this.#setKey(context, cipher, key, direction);
    return context;
  }

  /** Replaces the key of a context. */
  setKey(context: ContextPointer, key: Uint8Array): void {
    this.#setKey(context, 0, key, UNCHANGED);
  }

  #setKey(context: ContextPointer, cipher: number, key: Uint8Array, direction: number): void {
    const { bytes, address } = this.#scratch;
    bytes.set(key, TEXT);
    const result = this.#init(context, cipher, 0, address + TEXT, 0, direction);
    bytes.fill(0, TEXT, TEXT + key.length);
    check(result);
  }

  /** Frees the contexts of an owner. */
  free(owner: object, contexts: readonly (ContextPointer | undefined)[]): void {
    this.#forgotten.unregister(owner);
    for (const context of contexts) if (context !== undefined) this.#free(context);
  }

  /** The address of a view's first byte. A typed array that has one keeps it. */
  addressOf(bytes: Uint8Array): number {
    let address = this.#addresses.get(bytes);
    if (address === undefined) {
      address = Number(this.#address(bytes));
      this.#addresses.set(bytes, address);
    }
    return address;
  }

  /** Empties this thread's queue of errors, in which node:crypto would find them after its own next call. */
  forgetErrors(): void {
    this.#clearErrors();
  }

  withoutPadding(context: ContextPointer): void {
    check(this.#setPadding(context, 0));
  }

  /** Begins a packet with the nonce in `iv`. */
  begin(context: ContextPointer): void {
    check(this.#init(context, 0, 0, 0, this.#scratch.address + IV, UNCHANGED));
  }

  authenticate(context: ContextPointer, address: number, length: number): void {
    check(this.#update(context, 0, this.#scratch.address + OUTPUT_LENGTH, address, length));
  }

  /** Encrypts or decrypts; both addresses may be the same. */
  transform(context: ContextPointer, target: number, source: number, length: number): void {
    check(this.#update(context, target, this.#scratch.address + OUTPUT_LENGTH, source, length));
  }

  /** Ends a packet. Returns false if it was decrypted and its tag is wrong. */
  end(context: ContextPointer): boolean {
    return this.#final(context, this.#scratch.address + TEXT, this.#scratch.address + OUTPUT_LENGTH) === 1;
  }

  readTag(context: ContextPointer, address: number, length: number): void {
    check(this.#control(context, GET_TAG, length, address));
  }

  writeTag(context: ContextPointer, address: number, length: number): void {
    check(this.#control(context, SET_TAG, length, address));
  }
}
