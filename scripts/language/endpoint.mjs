// Serves a GGUF model by the part of OpenAI's HTTP API that the suite asks for.
//
//   node endpoint.mjs MODEL.gguf PORT
import http from "node:http";
import { getLlama, LlamaChatSession } from "node-llama-cpp";

const [file, port] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never" });
const model = await llama.loadModel({ modelPath: file });
// One thread: several wait for one another by spinning, which on a busy machine takes minutes a token.
const context = await model.createContext({ contextSize: 4096, threads: 1 });
const sequence = context.getSequence();
let turn = Promise.resolve(); // one at a time: there is one context

async function complete({ messages, temperature = 0, seed, max_tokens = 256 }) {
  await sequence.clearHistory();
  const system = messages.find((m) => m.role === "system")?.content;
  const session = new LlamaChatSession({ contextSequence: sequence, systemPrompt: system, autoDisposeSequence: false });
  const rest = messages.filter((m) => m.role !== "system");
  session.setChatHistory([
    ...(system ? [{ type: "system", text: system }] : []),
    ...rest.slice(0, -1).map((m) =>
      m.role === "user" ? { type: "user", text: m.content } : { type: "model", response: [m.content] }),
  ]);
  const text = await session.prompt(rest.at(-1).content, { temperature, seed, maxTokens: max_tokens });
  session.dispose({ disposeSequence: false });
  const prompt = messages.map((m) => m.content).join("\n");
  return {
    choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
    usage: { prompt_tokens: model.tokenize(prompt).length, completion_tokens: model.tokenize(text).length },
  };
}

function reply(response, status, value) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(value));
}

http
  .createServer((request, response) => {
    if (request.method === "GET") return reply(response, 200, { status: "ok" });
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      turn = turn
        .then(async () => reply(response, 200, await complete(JSON.parse(Buffer.concat(chunks)))))
        .catch((error) => reply(response, 500, { error: { message: String(error) } }));
    });
  })
  .listen(Number(port), "127.0.0.1");
