"""PyTorch models with padding on either side, hosted through ordinary forward hooks."""

import contextlib
import logging
import unittest

import numpy as np
import torch
from torch import nn

import recsae
from recsae.hosting.answers import answer
from recsae.hosting.description import fingerprint
from recsae.torch_hooks import SiteError, without_fast_path
from recsae.torch_padding import pad

if int(torch.__version__.split(".")[0]) < 2:
    raise ImportError(f"PyTorch {torch.__version__}: 2 or later is needed")

ITEMS, DIM, LENGTH = 40, 16, 7


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(DIM)
        self.attention = nn.MultiheadAttention(DIM, 2, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(DIM, DIM), nn.GELU(), nn.Linear(DIM, DIM))

    def forward(self, x, mask, padding):
        mixed, _ = self.attention(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False)
        x = self.norm(x + mixed)
        return x + self.feed(x), mixed  # a tuple, as many libraries have it


class Sasrec(nn.Module):
    """Self-attention over a history padded on `side`; gives [B, d], or [B, L, d] with whole=True."""

    def __init__(self, side, causal=True, mask_padding=True, whole=False):
        super().__init__()
        self.side, self.causal, self.mask_padding, self.whole = side, causal, mask_padding, whole
        self.items = nn.Embedding(ITEMS + 1, DIM, padding_idx=0)
        self.positions = nn.Embedding(LENGTH, DIM)
        self.dropout = nn.Dropout(.5)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.unused = nn.Linear(DIM, DIM)

    def forward(self, history, lengths):
        x = self.dropout(self.items(history) + self.positions.weight)
        mask = torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1) if self.causal else None
        for block in self.blocks:
            padding = history == 0 if self.mask_padding and self.side == "right" else None
            x, _ = block(x, mask, padding)
        if self.whole:
            return x
        return x[:, -1] if self.side == "left" else x[torch.arange(len(x)), lengths - 1]


class Encoder(nn.Module):
    """PyTorch's own nn.TransformerEncoder, whose fused path in evaluation passes by its submodules' hooks."""

    def __init__(self, batch_first):
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, DIM, padding_idx=0)
        layer = nn.TransformerEncoderLayer(DIM, 2, 32, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.batch_first = batch_first

    def forward(self, history, lengths):
        x = self.items(history)
        x = self.encoder(x if self.batch_first else x.transpose(0, 1), src_key_padding_mask=history == 0)
        x = x if self.batch_first else x.transpose(0, 1)
        return x[torch.arange(len(x)), lengths - 1]


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, DIM, padding_idx=0)
        self.gru = nn.GRU(DIM, DIM, batch_first=True)
        self.head = nn.Linear(DIM, DIM)

    def forward(self, history, lengths):
        rows, _ = self.gru(self.items(history))
        return self.head(rows[torch.arange(len(rows)), lengths - 1])


def hosted(module, sites=("blocks.0", "blocks.1"), **options):
    torch.manual_seed(3)
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0, .4)
    return recsae.TorchModel(module, item_ids=range(ITEMS), history_length=LENGTH, sites=sites, **options)


RANDOM = np.random.default_rng(1)
HISTORIES = [RANDOM.choice(ITEMS, size=n, replace=False).astype(np.int32) for n in (1, 3, LENGTH, LENGTH - 1, 2)]
USERS = np.full(len(HISTORIES), -1, dtype=np.int32)


class InReChorusManner(nn.Module):
    """Takes and gives what models of ReChorus do: ids from 1, a dictionary in, "prediction" and perhaps "u_v" out."""

    def __init__(self, sequential, vector=True):
        super().__init__()
        self.i_embeddings, self.u_embeddings = nn.Embedding(ITEMS + 1, DIM), nn.Embedding(4, DIM)
        self.vector = vector
        if sequential:
            self.history_max = LENGTH
            self.rnn = nn.GRU(DIM, DIM, batch_first=True)

    def forward(self, feed_dict):
        items = self.i_embeddings(feed_dict["item_id"])
        user = self.u_embeddings(feed_dict["user_id"])
        if hasattr(self, "rnn"):
            rows, _ = self.rnn(self.i_embeddings(feed_dict["history_items"]))
            user = rows[torch.arange(len(rows)), feed_dict["lengths"] - 1]
        out = {"prediction": (user[:, None] * items).sum(-1).view(feed_dict["batch_size"], -1)}
        return {**out, "u_v": user[:, None].expand_as(items)} if self.vector else out


class Corpus:
    """What of a ReChorus reader is used."""

    n_items, n_users = ITEMS + 1, 4
    data_df = {part: {"user_id": np.array(users), "item_id": np.array(items)} for part, users, items in (
        ("train", [1, 2, 1, 3], [5, 6, 7, 8]), ("dev", [1], [9]), ("test", [1, 3], [10, 11]))}


class TorchTest(unittest.TestCase):
    path = contextlib.nullcontext  # in which plain hooks see what there is to see

    def plain_hook(self, module, name, side):
        """What an ordinary forward hook sees, with histories padded by hand."""
        history, lengths = pad([h + 1 for h in HISTORIES], LENGTH, side, 0, "cpu")
        seen = []
        handle = module.get_submodule(name).register_forward_hook(lambda m, i, o: seen.append(o))
        module.eval()
        with torch.no_grad(), self.path():
            out = module(history, lengths)
        handle.remove()
        return (seen[0][0] if isinstance(seen[0], tuple) else seen[0]).numpy(), out.numpy()

    def check(self, module, side, sites, flip=False, **options):
        model = hosted(module, sites, **options)
        for site in model.sites:
            rows, out = self.plain_hook(module, site.name, side)
            rows = rows.swapaxes(0, 1) if flip else rows
            kept = [row[LENGTH - len(h):] if side == "left" else row[:len(h)] for row, h in zip(rows, HISTORIES)]
            self.assertTrue(site.per_position)
            last = model.activations(USERS, HISTORIES, site.name, False)
            np.testing.assert_array_equal(last, np.stack([row[-1] for row in kept]))
            np.testing.assert_array_equal(model.activations(USERS, HISTORIES, site.name, True), np.concatenate(kept))
            np.testing.assert_array_equal(model.activations(USERS, HISTORIES, "user", False), out)
            np.testing.assert_array_equal(model.resume(USERS, HISTORIES, site.name, last), out)
            changed = model.resume(USERS, HISTORIES, site.name, last * 2)
            self.assertTrue((np.abs(changed - out).max(axis=1) > 1e-4).all())
        return model

    def test_the_side_of_the_padding_is_found(self):
        for side in ("left", "right"):
            for causal in (True, False) if side == "right" else (True,):
                with self.subTest(side=side, causal=causal):
                    model = self.check(Sasrec(side, causal), side, ("blocks.0", "blocks.1", "dropout"))
                    self.assertIn(f'padding="{side}" was found by trial', model.remarks)

    def test_a_side_that_cannot_be_told_is_refused(self):
        # Attention both ways that does not mask its padding: either side's rows may be read.
        for side in ("left", "right"):
            with self.assertRaisesRegex(ValueError, r'neither side|both sides|say padding="left" or padding="right"'):
                recsae.TorchModel(nn.Sequential(), lambda history, lengths: history[:, :3].float(), item_ids=range(ITEMS),
                                  history_length=LENGTH, item_vectors=np.ones((ITEMS, 3)))
            self.check(Sasrec(side, causal=False, mask_padding=False), side, ("blocks.1",), padding=side)

    def test_the_wrong_side_is_refused(self):
        with self.assertRaisesRegex(SiteError, "blocks.0.*left padding: .*does not change"):
            hosted(Sasrec("right"), padding="left")
        with self.assertRaisesRegex(SiteError, "unused.*called 0 times"):
            hosted(Sasrec("right"), ("unused",))
        with self.assertRaisesRegex(SiteError, "no submodule 'block.0' .* there are .*blocks.0"):
            hosted(Sasrec("right"), ("block.0",))
        with self.assertRaisesRegex(SiteError, r"blocks.0.attention.out_proj.*called 0 times"):
            hosted(Sasrec("right"), ("blocks.0.attention.out_proj",))

    def test_submodules_of_a_transformer_encoder_are_hooked(self):
        self.assertTrue(torch.backends.mha.get_fastpath_enabled())
        self.path = without_fast_path
        self.check(Encoder(True), "right", ("encoder.layers.0.self_attn", "encoder.layers.1.linear2"))
        self.check(Encoder(False), "right", ("encoder.layers.0", "encoder.layers.1.norm2"), flip=True)
        self.assertTrue(torch.backends.mha.get_fastpath_enabled())

    def test_recurrent(self):
        self.check(Gru(), "right", ("gru",), padding="right")

    def test_a_module_that_gives_all_positions(self):
        with self.assertRaisesRegex(ValueError, "either side could be padded"):
            hosted(Sasrec("left", whole=True))
        whole = hosted(Sasrec("left", whole=True), padding="left")
        np.testing.assert_array_equal(whole.activations(USERS, HISTORIES, "user", False),
                                      hosted(Sasrec("left")).activations(USERS, HISTORIES, "user", False))

    def test_item_vectors_scores_and_users(self):
        module = Sasrec("right")
        model = hosted(module)
        np.testing.assert_array_equal(model.item_vectors, module.items.weight[1:].detach().numpy())
        self.assertIn("'items', the only embedding", "".join(model.remarks))
        with self.assertRaisesRegex(ValueError, "0 embeddings of 40 rows"):
            recsae.TorchModel(module, item_ids=range(ITEMS - 1), history_length=LENGTH)
        seen = []

        def encode(history, lengths, users):
            seen.append(users)
            return module(history, lengths)

        model = hosted(module, encode=encode, user_ids=["a", "b"], user_tokens=[5, 6],
                       score=lambda history, lengths: module(history, lengths) @ module.items.weight[1:].T)
        scores = model.score(USERS, HISTORIES, np.array([4, 0], dtype=np.int32))
        user = model.activations(np.array([-1, 1, 0, -1, 1]), HISTORIES, "user", False)
        np.testing.assert_allclose(scores, user @ model.item_vectors[[4, 0]].T, rtol=1e-4, atol=1e-5)
        self.assertEqual(seen[-1].tolist(), [0, 6, 5, 0, 6])

    def test_left_as_it_was_and_the_same_in_training(self):
        module = Sasrec("right")
        model = hosted(module)
        before = model.activations(USERS, HISTORIES, "blocks.0", False)
        module.train()
        np.testing.assert_array_equal(model.activations(USERS, HISTORIES, "blocks.0", False), before)
        self.assertTrue(module.training and module.blocks[0].training)
        self.assertEqual(sum(len(part._forward_hooks) for part in module.modules()), 0)

    def test_fingerprint_is_of_the_weights(self):
        one, other = hosted(Sasrec("right")), hosted(Sasrec("right"))
        self.assertEqual(fingerprint(one), fingerprint(other))
        with torch.no_grad():
            other._module.blocks[1].feed[0].weight[0, 0] += 1e-6
        self.assertNotEqual(fingerprint(one), fingerprint(other))

    def test_what_the_module_throws_is_an_answer(self):
        from recsae.hosts.v1 import hosts_pb2 as hb

        model = hosted(Sasrec("right"))
        model._module.positions = nn.Embedding(3, DIM)
        with self.assertLogs("recsae.host", logging.WARNING):
            found = answer(model, hb.Call(id=4, compute_activations=hb.Call.ComputeActivations(
                queries=hb.Queries(lengths=[2], items=[1, 2]))))
        self.assertEqual((found.id, found.error.code), (4, 9))
        self.assertIn("RuntimeError: The size of tensor", found.error.message)

    def test_a_recorder_takes_the_rows_of_the_last_items(self):
        from probe_double import RecordingDouble
        from recsae.wire import to_array

        probe = RecordingDouble()
        self.addCleanup(lambda: probe.server.stop(None).wait())
        for side in ("left", "right"):
            probe.batches = []
            module = Sasrec(side).eval()
            history, lengths = pad([h + 1 for h in HISTORIES], LENGTH, side, 0, "cpu")
            with recsae.record(module, site="blocks.1", padding=side, capture="recommenders/live/captures/x",
                               address=probe.address) as recorder, torch.no_grad():
                with recorder.batch(users=range(5), histories=HISTORIES):
                    out = module(history, lengths)
                with self.assertLogs("recsae.record", logging.WARNING), recorder.batch(users=range(4)):
                    module(history, lengths)  # one user too few: said, counted, and not raised
            module(history, lengths)  # the hook is gone
            np.testing.assert_array_equal(np.concatenate([to_array(b.activations) for _, b in probe.batches]), out.numpy())
            cases = [case for _, batch in probe.batches for case in batch.cases]
            self.assertEqual([list(case.history_item_ids) for case in cases], [[str(i) for i in h] for h in HISTORIES])
            self.assertEqual((recorder.recorded, recorder.dropped, recorder.counts.offered), (5, 5, 10))

    def test_models_in_the_manner_of_rechorus(self):
        torch.manual_seed(5)
        for sequential in (True, False):
            module = InReChorusManner(sequential).eval()
            model = recsae.adapters.rechorus(module, Corpus(), sites=["rnn"] if sequential else [])
            self.assertEqual((model.history_length, len(model.item_ids), model.user_ids), (LENGTH if sequential else 0, ITEMS, ["1", "2", "3"]))
            histories = HISTORIES[:3] if sequential else [np.zeros(0, dtype=np.int32)] * 3
            users = np.array([0, 1, 2], dtype=np.int32)
            vectors = model.activations(users, histories, "user", False)
            np.testing.assert_allclose(model.score(users, histories, np.arange(ITEMS)), vectors @ model.item_vectors.T, atol=1e-5)
            found = [(list(u.items), u.train_length, list(u.dev), list(u.test)) for u in model.interactions(0)]
            self.assertEqual(found, [([4, 6, 8, 9], 2, [2], [3]), ([5], 1, [], []), ([7, 10], 1, [], [1])])
        with self.assertRaisesRegex(ValueError, 'forward gives no "u_v"'):
            recsae.adapters.rechorus(InReChorusManner(True, vector=False), Corpus())
