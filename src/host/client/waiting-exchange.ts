// An exchange that begins later: a request for a tunnel, which needs the server's settings first.
import type { SettingValues } from "../../webtransport/h2/settings.ts";
import type { ClientExchange, ResponseHandler } from "./session.ts";

export class WaitingExchange implements ClientExchange {
  readonly #begin: () => ClientExchange;
  readonly #handler: ResponseHandler;
  #exchange: ClientExchange | undefined;
  #isPaused = false;
  #isDone = false;

  constructor(begin: () => ClientExchange, handler: ResponseHandler) {
    this.#begin = begin;
    this.#handler = handler;
  }

  start(): void {
    if (this.#isDone) return;
    this.#exchange = this.#begin();
    if (this.#isPaused) this.#exchange.pause();
  }

  get peerSettings(): SettingValues | undefined {
    return this.#exchange?.peerSettings;
  }

  fail(error: Error): void {
    if (!this.#isDone) this.#handler.onError(error, true);
  }

  pause(): void {
    this.#isPaused = true;
    this.#exchange?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#exchange?.resume();
  }

  reset(reason: Error): void {
    this.#isDone = true;
    this.#exchange?.reset(reason);
  }
}
