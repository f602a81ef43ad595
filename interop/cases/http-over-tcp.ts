import { downloadCase } from "./download.ts";

/** The other two protocols, on the same port as HTTP/3. */
export const http2 = downloadCase({
  name: "h2",
  protocol: "h2",
  needs: "h2",
  paths: (site) => [site.medium, ...site.items.slice(0, 20)],
});

export const http11 = downloadCase({
  name: "http/1.1",
  protocol: "http/1.1",
  needs: "http/1.1",
  paths: (site) => [site.medium, ...site.items.slice(0, 20)],
});
