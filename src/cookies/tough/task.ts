// A result that may be there already: synchronous stores call back at once, others later.

/** Receives an error, or the result. */
export type Callback<T> = (error: Error | null, result?: T) => void;
/** Receives an error, or null. */
export type ErrorCallback = (error: Error | null) => void;

export class Task<T> {
  #outcome: { readonly error: Error } | { readonly value: T } | undefined;
  readonly #waiting: Callback<never>[] = [];

  /** `start` calls back once, at once or later. What it throws is the task's error. */
  constructor(start: (callback: Callback<T>) => void) {
    try {
      start((error, value) => {
        if (this.#outcome !== undefined) return;
        this.#outcome = error instanceof Error ? { error } : { value: value as T };
        for (const callback of this.#waiting.splice(0)) this.done(callback as Callback<T>);
      });
    } catch (error) {
      this.#outcome ??= { error: error as Error };
    }
  }

  static of<T>(value: T): Task<T> {
    return new Task((callback) => callback(null, value));
  }

  /** The task that follows. What `then` throws is its error. */
  next<U>(then: (value: T) => U | Task<U>): Task<U> {
    return new Task<U>((callback) => {
      this.done((error, value) => {
        if (error !== null) return callback(error);
        let result: U | Task<U>;
        try {
          result = then(value as T);
        } catch (thrown) {
          return callback(thrown as Error);
        }
        if (result instanceof Task) result.done(callback);
        else callback(null, result);
      });
    });
  }

  done(callback: Callback<T>): void {
    if (this.#outcome === undefined) this.#waiting.push(callback as Callback<never>);
    else if ("error" in this.#outcome) callback(this.#outcome.error);
    else callback(null, this.#outcome.value);
  }

  /** For tough-cookie's double API: calls back if there is a callback, else returns a promise. */
  settle(callback: Callback<T> | undefined): Promise<T> {
    if (callback !== undefined) {
      this.done(callback);
      return undefined as never;
    }
    return new Promise<T>((resolve, reject) => {
      this.done((error, value) => {
        if (error !== null) reject(error);
        else resolve(value as T);
      });
    });
  }

  /** Throws the error, or if the result is not there yet. */
  get(): T {
    if (this.#outcome === undefined) throw new Error("CookieJar store is not synchronous; use async API instead.");
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }
}
