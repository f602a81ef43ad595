// A Nest app on HTTP/1.1, HTTP/2 and HTTP/3: the Express app below it is the listener.
// Run it: npm run examples -- nest
import "reflect-metadata";
import { StandardSchemaValidationPipe } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { createServer } from "nagare/node";
import { MessagesModule } from "./messages.ts";

const app = await NestFactory.create(MessagesModule, { logger: ["error", "warn"] });
app.useGlobalPipes(new StandardSchemaValidationPipe());
await app.init();

export const server = createServer(app.getHttpAdapter().getInstance()).listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/`);
});
