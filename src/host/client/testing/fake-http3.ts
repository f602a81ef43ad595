// An HTTP/3 session without a network: it answers every request with "h3".
import { ClientError } from "../errors.ts";
import type { Http3Session } from "../http3.ts";
import type {
  ClientExchange,
  ClientRequestHead,
  DialOptions,
  RequestContent,
  ResponseHandler,
  SessionStats,
} from "../session.ts";

export class FakeHttp3Session implements Http3Session {
  readonly protocol = "h3";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly timings;
  readonly closed: Promise<void>;
  /** The peer's limit on concurrent streams. */
  limit = 100;
  /** Simulates GOAWAY: refuses the next request and takes no more. */
  rejects = false;
  active = 0;
  usable = true;
  readonly #onChange: () => void;
  #close = () => {};
  #requests = 0;

  constructor({ addresses, port, lookupStart, lookupEnd, onChange }: DialOptions) {
    this.remoteAddress = addresses[0]!.address;
    this.remotePort = port;
    this.timings = { lookupStart, lookupEnd, connectStart: lookupEnd };
    this.#onChange = onChange;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  get room(): number {
    return this.usable ? this.limit - this.active : 0;
  }

  request(_head: ClientRequestHead, _content: RequestContent | undefined, handler: ResponseHandler): ClientExchange {
    this.active += 1;
    this.#requests += 1;
    const refused = this.rejects;
    if (refused) this.drain();
    setImmediate(() => {
      this.active -= 1;
      if (refused) {
        handler.onError(new ClientError("CONNECTION_LOST", "the server is going away"), true);
      } else {
        handler.onRequestSent();
        handler.onHead(200, [["content-length", "2"]], "");
        handler.onData(Buffer.from("h3"));
        handler.onEnd([]);
      }
      this.#onChange();
    });
    return { pause() {}, resume() {}, reset() {} };
  }

  stats(): SessionStats {
    return { bytesSent: 0, bytesReceived: 0, requests: this.#requests, details: {} };
  }

  drain(): void {
    this.usable = false;
    this.#onChange();
  }

  async close(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    this.usable = false;
    this.#close();
  }
}
