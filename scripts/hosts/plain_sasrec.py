"""A SASRec as people write it in plain PyTorch 2, on nn.TransformerEncoder."""

import numpy as np
import torch
from torch import nn

LENGTH = 50


class Sasrec(nn.Module):
    """Histories padded on the right with 0; gives the vectors just before scoring [B, d]."""

    def __init__(self, items, dim=64, layers=2):
        super().__init__()
        self.items = nn.Embedding(items + 1, dim, padding_idx=0)
        self.positions = nn.Embedding(LENGTH, dim)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, 2, dim, 0.1, batch_first=True), layers)
        self.register_buffer("causal", torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1), persistent=False)

    def rows(self, history):
        return self.encoder(self.items(history) + self.positions.weight, mask=self.causal)

    def forward(self, history, lengths):
        return self.rows(history)[torch.arange(len(history), device=history.device), lengths - 1]


def padded(sequences):
    history = np.zeros((len(sequences), LENGTH), dtype=np.int64)
    for row, sequence in zip(history, sequences):
        row[:len(sequence)] = np.asarray(sequence[-LENGTH:]) + 1
    return torch.from_numpy(history), torch.tensor([min(len(s), LENGTH) for s in sequences])


def trained(users, items, parts, epochs=3):
    """(module, sequences of item numbers by user, users, items), trained at all positions with full softmax."""
    torch.manual_seed(1)
    sequences = [[] for _ in users]
    for part in parts:
        part = part[part.item_id.isin(items)]
        for user, item in zip(np.searchsorted(users, part.user_id), np.searchsorted(items, part.item_id)):
            sequences[user].append(int(item))
    module = Sasrec(len(items))
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    for _ in range(epochs):
        for first in range(0, len(users), 64):
            history, _ = padded([s[-LENGTH - 3:-3] for s in sequences[first:first + 64]])
            target, _ = padded([s[-LENGTH - 2:-2] for s in sequences[first:first + 64]])
            scores = module.rows(history) @ module.items.weight.T
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return module.eval(), sequences, users, items


@torch.no_grad()
def rank(module, histories):
    """Item numbers by score, best first, for each history."""
    scores = module(*padded(histories)) @ module.items.weight[1:].T
    return scores.argsort(dim=1, descending=True).tolist()
