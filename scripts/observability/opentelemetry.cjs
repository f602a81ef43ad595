// OpenTelemetry's set-up: a provider and the instrumentations.
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { ExpressInstrumentation } = require("@opentelemetry/instrumentation-express");
const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()] });

globalThis.report = () => {
  for (const { kind, attributes } of exporter.getFinishedSpans()) {
    const { "url.path": path, "network.protocol.version": version, "http.response.status_code": status } = attributes;
    if (kind === 1) console.log(`span ${version} ${path} ${status}`);
  }
};
