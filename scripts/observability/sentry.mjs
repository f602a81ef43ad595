// Sentry's set-up, with a transport that keeps what it would send.
import * as Sentry from "@sentry/node";

const items = [];
const transport = () => ({
  send: async ([, sent]) => {
    items.push(...sent);
    return {};
  },
  flush: async () => true,
});
Sentry.init({ dsn: "http://public@127.0.0.1:9/1", tracesSampleRate: 1, transport });

globalThis.setUpErrors = (app) => Sentry.setupExpressErrorHandler(app);
globalThis.report = async () => {
  await Sentry.flush(1_000);
  for (const [{ type }, content] of items) {
    if (type === "transaction") {
      const { data } = content.contexts.trace;
      print(data["sentry.op"], (name) => data[name]);
    }
    for (const { attributes } of type === "span" ? content.items : []) {
      print(attributes["sentry.op"]?.value, (name) => attributes[name]?.value);
    }
  }
};

function print(op, get) {
  if (op !== "http.server") return;
  const [version, path, status] = ["network.protocol.version", "url.path", "http.response.status_code"].map(get);
  console.log(`span ${version} ${path} ${status}`);
}
