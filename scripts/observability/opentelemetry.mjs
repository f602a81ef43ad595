// OpenTelemetry's loader for programs in ECMAScript modules, before its set-up.
import { register } from "node:module";

register("@opentelemetry/instrumentation/hook.mjs", import.meta.url);
await import("./opentelemetry.cjs");
