/**
 * Whether a server's connection is still in its early phase (RFC 8470 §2): what arrived so far is 0-RTT data, and becomes
 * trustworthy when the client completes the handshake.
 */

export class Confirmation {
  readonly #connection: { readonly isHandshakeComplete: boolean };
  #settled: Promise<void> | undefined;
  #resolve: (() => void) | undefined;
  #reject: ((reason: Error) => void) | undefined;

  constructor(connection: { readonly isHandshakeComplete: boolean }) {
    this.#connection = connection;
  }

  get isPending(): boolean {
    return !this.#connection.isHandshakeComplete;
  }

  /** True if someone may wait for the promise. */
  get isAwaited(): boolean {
    return this.#reject !== undefined;
  }

  get promise(): Promise<void> {
    this.#settled ??= this.isPending ? this.#waiting() : Promise.resolve();
    return this.#settled;
  }

  #waiting(): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A handler that has ended no longer waits for it.
    promise.catch(() => undefined);
    return promise;
  }

  handleComplete(): void {
    this.#resolve?.();
  }

  handleClosed(reason: Error): void {
    this.#reject?.(reason);
  }
}
