/** The account with an authority (RFC 8555 §7.3): opened once, kept in the storage. */

import type { AccountSigner, AcmeClient } from "./client.ts";
import { AcmeError } from "./errors.ts";
import {
  type AccountAlgorithm,
  type AccountKey,
  accountKeyOf,
  type ExternalAccount,
  externalBinding,
  generateAccountKey,
  pemOfKey,
  signedBody,
} from "./jose.ts";
import { authorityKey, digest } from "./names.ts";
import type { Storage } from "./storage.ts";

export interface AccountOptions {
  readonly directory: string;
  /** Addresses for the authority's mails. */
  readonly email?: string | readonly string[] | undefined;
  readonly agreeToTerms?: boolean | undefined;
  readonly eab?: ExternalAccount | undefined;
  readonly accountKeyType?: AccountAlgorithm | undefined;
}

interface StoredAccount {
  /** PEM. */
  readonly key: string;
  /** Undefined until the authority has answered. */
  readonly url?: string;
  readonly contact: readonly string[];
}

const LOCK_LIFETIME = 60_000;
const LOCK_POLL = 500;

export class Account {
  readonly #client: AcmeClient;
  readonly #storage: Storage;
  readonly #options: AccountOptions;
  readonly #key: string;
  #opening: Promise<AccountSigner> | undefined;

  constructor(client: AcmeClient, storage: Storage, options: AccountOptions) {
    this.#client = client;
    this.#storage = storage;
    this.#options = options;
    const external = options.eab === undefined ? "" : `-${digest(options.eab.kid)}`;
    this.#key = `accounts/${authorityKey(options.directory)}${external}.json`;
  }

  /** Where the account is kept, for messages. */
  get storageKey(): string {
    return this.#key;
  }

  /** The account's key and URL; the first call opens the account. Calls at the same time share the result. */
  signer(signal: AbortSignal): Promise<AccountSigner> {
    this.#opening ??= this.#open(signal).catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Reads the account from the storage again at the next use. */
  reread(): void {
    this.#opening = undefined;
  }

  /** Call if the authority does not know the account: the next use opens it again, with the same key. */
  async forget(): Promise<void> {
    this.#opening = undefined;
    const stored = await this.#load();
    if (stored !== undefined) await this.#save({ key: stored.key, contact: stored.contact });
  }

  /** Replaces the account's key (RFC 8555 §7.3.5). */
  async changeKey(signal: AbortSignal): Promise<void> {
    const { key, kid } = await this.signer(signal);
    const { keyChange } = await this.#client.directory(signal);
    const fresh = generateAccountKey(this.#options.accountKeyType);
    const stored = await this.#load();
    const inner = signedBody(fresh, { url: keyChange }, { account: kid, oldKey: key.jwk });
    await this.#client.post(
      keyChange,
      { key, kid },
      { signal, step: "account", names: [], payload: JSON.parse(inner) },
    );
    await this.#save({ contact: stored?.contact ?? [], key: pemOfKey(fresh.privateKey), url: kid });
    this.#opening = undefined;
  }

  /** Closes the account for good (RFC 8555 §7.3.6). */
  async deactivate(signal: AbortSignal): Promise<void> {
    const signer = await this.signer(signal);
    const payload = { status: "deactivated" };
    await this.#client.post(signer.kid, signer, { signal, step: "account", names: [], payload });
  }

  async #open(signal: AbortSignal): Promise<AccountSigner> {
    const known = await this.#known(signal);
    if (known !== undefined) return known;
    // Processes that share the storage share the account.
    for (;;) {
      const lock = await this.#storage.lock(this.#key, LOCK_LIFETIME);
      if (lock === undefined) {
        await this.#client.clock.wait(LOCK_POLL, signal);
        continue;
      }
      try {
        return (await this.#known(signal)) ?? (await this.#register(signal));
      } finally {
        await lock.release();
      }
    }
  }

  async #known(signal: AbortSignal): Promise<AccountSigner | undefined> {
    const stored = await this.#load();
    if (stored === undefined || stored.url === undefined) return undefined;
    const signer = { key: accountKeyOf(stored.key), kid: stored.url };
    const contact = this.#contact();
    if (contact.join() !== stored.contact.join()) {
      // RFC 8555 §7.3.2
      await this.#client.post(signer.kid, signer, { signal, step: "account", names: [], payload: { contact } });
      await this.#save({ ...stored, contact });
    }
    return signer;
  }

  async #register(signal: AbortSignal): Promise<AccountSigner> {
    const { eab, agreeToTerms, accountKeyType } = this.#options;
    const directory = await this.#client.directory(signal);
    const { authority } = this.#client;
    if (directory.termsOfService !== undefined && agreeToTerms !== true) {
      const message = `${authority} asks you to agree to its terms of service: read ${directory.termsOfService} and set agreeToTerms`;
      throw new AcmeError("ACME_TERMS_REQUIRED", message);
    }
    if (directory.externalAccountRequired && eab === undefined) {
      const message = `${authority} opens accounts only for its customers: set eab to the key id and key from its site`;
      throw new AcmeError("ACME_ACCOUNT_REFUSED", message);
    }
    const stored = await this.#load();
    const key: AccountKey = stored === undefined ? generateAccountKey(accountKeyType) : accountKeyOf(stored.key);
    const contact = this.#contact();
    // Stored before it is used: after a crash the same key finds the same account (RFC 8555 §7.3.1).
    if (stored === undefined) await this.#save({ key: pemOfKey(key.privateKey), contact });
    const response = await this.#client.post(
      directory.newAccount,
      { key },
      {
        signal,
        step: "account",
        names: [],
        payload: {
          ...(contact.length === 0 ? {} : { contact }),
          ...(agreeToTerms === true ? { termsOfServiceAgreed: true } : {}),
          ...(eab === undefined ? {} : { externalAccountBinding: externalBinding(eab, key, directory.newAccount) }),
        },
      },
    );
    const { location } = response.headers;
    if (location === undefined) {
      throw new AcmeError("ACME_AUTHORITY_FAILED", `${authority} opened an account without telling its address`);
    }
    await this.#save({ key: pemOfKey(key.privateKey), url: location, contact });
    return { key, kid: location };
  }

  #contact(): readonly string[] {
    const { email } = this.#options;
    return email === undefined ? [] : [email].flat().map((address) => `mailto:${address}`);
  }

  async #load(): Promise<StoredAccount | undefined> {
    const text = await this.#storage.get(this.#key);
    if (text === undefined) return undefined;
    const { key, url, contact } = JSON.parse(text) as Partial<StoredAccount>;
    if (typeof key !== "string") return undefined;
    return { key, contact: contact ?? [], ...(url === undefined ? {} : { url }) };
  }

  #save(account: StoredAccount): Promise<void> {
    return this.#storage.put(this.#key, `${JSON.stringify(account)}\n`);
  }
}
