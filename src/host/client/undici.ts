/// <reference path="./undici-parts.d.ts" />
// The parts of undici that we stand on, without the rest: undici's index loads its fetch, mocks and caches, and makes
// an agent of its own the global dispatcher, which Node's fetch would then use.
import type * as undici from "undici";
import api from "undici/lib/api/index.js";
import { channels } from "undici/lib/core/diagnostics.js";
import errors from "undici/lib/core/errors.js";
import AgentClass from "undici/lib/dispatcher/agent.js";
import ClientClass from "undici/lib/dispatcher/client.js";
import DispatcherClass from "undici/lib/dispatcher/dispatcher.js";

export type { undici };

export const Client = ClientClass as typeof undici.Client;
export const UndiciAgent = AgentClass as typeof undici.Agent;
/** The class that undici's own functions expect. */
export const Dispatcher = DispatcherClass as typeof undici.Dispatcher;
export const undiciErrors = errors as typeof undici.errors;
/** The diagnostics channels of this copy of undici. */
export const undiciChannels = channels;

// As undici's index does, so that dispatchers have `request`, `stream` and the others.
Object.assign(Dispatcher.prototype, api);
