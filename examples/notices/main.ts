// An API that ends well: version 1 announces its end and answers 410 after it, and clients choose how much they read.
// Run it: npm run examples -- notices
import { serve } from "nagare";
import { announce, answerInTime, untilSunset } from "nagare/http";

const POLICY = { deprecationLink: "https://developer.example/v1", successor: "/v2/notes" };
const notes = ["first"];

const first = untilSunset({ deprecation: new Date("2026-01-01"), sunset: new Date("2099-12-31"), ...POLICY }, () =>
  Response.json(notes),
);

export const server = await serve({ port: Number(process.env.PORT ?? 4433) }, async (request, context) => {
  const { pathname } = new URL(request.url);
  const { preferences } = context;
  switch (`${request.method} ${pathname}`) {
    case "GET /v1/notes":
      return first(request);
    case "POST /v2/notes": {
      notes.push(await request.text());
      preferences.apply("return");
      if (preferences.return === "minimal") return new Response(null, { status: 204 });
      return Response.json(notes, { status: 201 });
    }
    // Prefer: respond-async, wait=1 gives up waiting after a second.
    case "GET /v2/report":
      return answerInTime(context, "/v2/reports/1", async () => {
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        return Response.json({ notes: notes.length });
      });
    case "GET /v2/old":
      return announce(new Response("the old name of /v2/notes"), { deprecation: Date.now(), successor: "/v2/notes" });
    default:
      preferences.apply("safe");
      return new Response(`${preferences.safe ? "the safe page" : "the page"} over ${context.protocol}\n`);
  }
});
console.log(server.url.href);
