// The module of the Nest example: a controller with a validated DTO and a stream of server-sent events.
import {
  Body,
  Controller,
  Get,
  Injectable,
  type MessageEvent,
  Module,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Req,
  Sse,
} from "@nestjs/common";
import { concat, map, type Observable, of, Subject } from "rxjs";
import { z } from "zod";

const createMessageSchema = z.object({ text: z.string().min(1) });
type CreateMessageDto = z.infer<typeof createMessageSchema>;

@Injectable()
export class MessagesService {
  readonly #messages: string[] = [];
  readonly added = new Subject<string>();

  add(text: string): number {
    const length = this.#messages.push(text);
    this.added.next(text);
    return length - 1;
  }

  find(id: number): string | undefined {
    return this.#messages[id];
  }
}

@Controller()
export class MessagesController {
  readonly #messages: MessagesService;

  constructor(messages: MessagesService) {
    this.#messages = messages;
  }

  @Get()
  hello(@Req() request: { readonly httpVersion: string }): string {
    return `hello from Nest over HTTP/${request.httpVersion}\n`;
  }

  @Post("messages")
  add(@Body({ schema: createMessageSchema }) { text }: CreateMessageDto): { id: number } {
    return { id: this.#messages.add(text) };
  }

  @Sse("messages")
  stream(): Observable<MessageEvent> {
    return concat(of("welcome"), this.#messages.added).pipe(map((data) => ({ data })));
  }

  @Get("messages/:id")
  find(@Param("id", ParseIntPipe) id: number): { text: string } {
    const text = this.#messages.find(id);
    if (text === undefined) throw new NotFoundException(`there is no message ${id}`);
    return { text };
  }
}

@Module({ controllers: [MessagesController], providers: [MessagesService] })
export class MessagesModule {}
