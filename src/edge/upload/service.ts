/** Resumable uploads as a service: for a route, for fetch handlers, and for listeners of Node's shape. */

import { describeFault, detach, type Fault } from "../../host/guard.ts";
import type { ExchangeHandler } from "../../host/http/exchange.ts";
import type { Context } from "../../host/http/fetch-context.ts";
import { respondText } from "../../host/http/respond-text.ts";
import { fieldValue } from "../../http/index.ts";
import {
  type Answer,
  CHECKSUM_ALGORITHMS,
  interpretUploadRequest,
  optionsAnswer,
  type Profile,
  profileOfRequest,
  refusedAnswer,
  UploadRefusal,
  type UploadRequestHead,
  type UploadView,
} from "../../http/resumable-upload/index.ts";
import type { Service } from "../running-server.ts";
import type { UploadCall } from "./call.ts";
import { corsFields } from "./cors.ts";
import { ExchangeCall } from "./exchange-call.ts";
import { FetchCall } from "./fetch-call.ts";
import { idInPath } from "./locations.ts";
import { NodeCall, type NodeUploadRequest, type NodeUploadResponse } from "./node-call.ts";
import { type UploadOptions, type UploadSettings, uploadSettings } from "./options.ts";
import { Sweep } from "./sweep.ts";
import { storageRefusal, Uploads } from "./uploads.ts";

/** Accepts resumable uploads. Make one with `createUploads`. */
export class UploadService implements Service {
  readonly #settings: UploadSettings;
  readonly #uploads: Uploads;
  readonly #sweep: Sweep;
  readonly #requests = new Set<Promise<void>>();
  #hasSwept = false;

  /** Throws a `ServeError` if an option is invalid. `settings` replaces parts of them in tests. */
  constructor(options: UploadOptions, settings: UploadSettings = uploadSettings(options)) {
    this.#settings = settings;
    this.#uploads = new Uploads(settings);
    this.#sweep = new Sweep(settings, this.#uploads.locks, (open) => {
      this.#uploads.openUploads = open;
    });
  }

  /** Answers an exchange. */
  readonly handle: ExchangeHandler = (exchange) => {
    const address = exchange.clientAddress ?? this.#settings.trustedProxies.clientOf(exchange).address;
    const onFault = (fault: Fault): void => {
      this.#settings.log(describeFault(fault));
      if (exchange.status === undefined) respondText(exchange, 500);
      else exchange.reset(fault.error);
    };
    detach("upload request", onFault, this.#run(new ExchangeCall(exchange, address)));
  };

  /** Answers a request of a fetch handler: return the response from the handler. Interim responses need the context. */
  async fetch(request: Request, context?: Context): Promise<Response> {
    const call = new FetchCall(request, context, context?.remoteAddress.address ?? "");
    await this.#run(call);
    return call.response;
  }

  /** A listener for `nagare/node`, node:http, Express (`app.use("/uploads", uploads.listener)`) and Fastify's `raw`. */
  readonly listener = (request: NodeUploadRequest, response: NodeUploadResponse): void => {
    const call = new NodeCall(request, response, request.socket?.remoteAddress ?? "");
    const onFault = (fault: Fault): void => this.#settings.log(describeFault(fault));
    detach("upload node request", onFault, this.#run(call));
  };

  /** Forgets uploads that have expired, without waiting for the next sweep. */
  async removeExpired(): Promise<void> {
    await this.#sweep.run();
  }

  /** Resolves when no request is in progress. */
  async settled(): Promise<void> {
    while (this.#requests.size > 0) await Promise.all(this.#requests);
  }

  /** Frees resources. Uploads stay where they are. */
  async close(): Promise<void> {
    this.#sweep.close();
    await this.#settings.storage.close?.();
  }

  async #run(call: UploadCall): Promise<void> {
    if (!this.#hasSwept) {
      this.#hasSwept = true;
      this.#sweep.start();
    }
    const running = this.#answer(call).then((answer) => {
      const cors = corsFields(this.#settings.cors, call.method, call.fields);
      call.respond(cors.length === 0 ? answer : { ...answer, fields: [...answer.fields, ...cors] });
    });
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    this.#requests.add(settled);
    try {
      await running;
    } finally {
      this.#requests.delete(settled);
    }
  }

  async #answer(call: UploadCall): Promise<Answer> {
    let view: UploadView | undefined;
    let profile: Profile | undefined;
    try {
      if (call.method === "OPTIONS") return this.#options();
      const head = await this.#head(call);
      profile = profileOfRequest(head);
      return await this.#uploads.answer(call, interpretUploadRequest(head), (seen) => {
        view = seen;
      });
    } catch (error) {
      const refusal = this.#refusalOf(storageRefusal(error), call);
      return refusedAnswer(profile ?? profileOfRequest(headOf(call)), refusal, view);
    }
  }

  #options(): Answer {
    const { limits, storage } = this.#settings;
    return optionsAnswer(limits, {
      algorithms: storage.canTruncate ? Object.keys(CHECKSUM_ALGORITHMS) : [],
      concatenates: storage.join !== undefined,
    });
  }

  /** A request to an upload that names no version speaks the one that created it. */
  async #head(call: UploadCall): Promise<UploadRequestHead> {
    const head = headOf(call);
    const isNamed = NAMING.some((name) => fieldValue(call.fields, name) !== undefined);
    if (!head.isUpload || isNamed) return head;
    return { ...head, createdBy: (await this.#settings.storage.load(idInPath(call.path)!))?.record.profile };
  }

  /** A fault becomes a 500 and a line in the log; the client may resume. */
  #refusalOf(error: unknown, call: UploadCall): UploadRefusal {
    if (error instanceof UploadRefusal) {
      if (error.status === 507)
        this.#settings.log(`nagare: upload: ${error.message}: ${String((error.cause as Error).message)}`);
      return error;
    }
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    // A client that goes away is no fault.
    if (name !== "RequestCutError") this.#settings.log(`nagare: ${call.method} ${call.path}: ${name}: ${message}`);
    return new UploadRefusal(500, "STORAGE_FAILED", "the upload could not be stored; try again", { cause: error });
  }
}

const NAMING = ["upload-draft-interop-version", "tus-resumable"];

const headOf = (call: UploadCall): UploadRequestHead => ({
  method: call.method,
  fields: call.fields,
  hasContent: call.body.hasContent,
  isUpload: idInPath(call.path) !== undefined,
});
