import { downloadCase } from "./download.ts";

export const http2 = downloadCase({
  name: "h2",
  shows: "HTTP/2 on the same port: 4 MiB and 20 small files",
  protocol: "h2",
  needs: "h2",
  paths: (site) => [site.medium, ...site.items.slice(0, 20)],
});

export const http11 = downloadCase({
  name: "http/1.1",
  shows: "HTTP/1.1 on the same port: 4 MiB and 20 small files",
  protocol: "http/1.1",
  needs: "http/1.1",
  paths: (site) => [site.medium, ...site.items.slice(0, 20)],
});
