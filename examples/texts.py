"""Texts as they arrive: a small transformer that is retrained as more of them have labels.

The texts are the first sentences of docstrings that are on this machine anyway, the labels the library that
each comes from. A tokenizer, trained once on the texts alone, makes a dictionary of two arrays of each list of
texts, ``input_ids`` and ``attention_mask``: the network's ``forward`` has arguments of these names, and the
estimator takes the dictionary as it takes an array. (Fitted anew in each month, a tokenizer would give the words
other numbers under a network that is kept: train it once, or freeze it.)

Each month a third of the texts arrives. Cold draws the network anew each time, warm goes on with the last one.
It needs ``transformers`` and ``tokenizers`` (``pip install sk_warmstart[text]``), and no weights.
"""

from __future__ import annotations

import inspect

import numpy as np
import numpy.random
import scipy.signal
import scipy.stats
import sklearn.utils.discovery
import torch
from torch import Tensor, nn

from sk_warmstart import WarmStartClassifier

N_MONTHS = 3


class TextNet(nn.Module):
    """A small BERT without pretrained weights, and a linear head on the mean of its states."""

    def __init__(self, n_words: int, n_outputs: int):
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=n_words,
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=96,
            max_position_embeddings=32,
        )
        self.body = BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(48, n_outputs)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None]
        return self.head((states * mask).sum(1) / mask.sum(1))


def first_sentences() -> tuple[list[str], list[str]]:
    """First sentences of docstrings, and the library of each."""
    members = [
        *(("numpy", each) for room in (np, np.linalg, numpy.random, np.fft) for each in vars(room).values()),
        *(("scipy", each) for room in (scipy.stats, scipy.signal) for each in vars(room).values()),
        *(("sklearn", each) for _, each in sklearn.utils.discovery.all_estimators()),
        *(("sklearn", each) for _, each in sklearn.utils.discovery.all_functions()),
    ]
    found = {}
    for library, member in members:
        lines = [line for line in (inspect.getdoc(member) or "").splitlines() if line.strip() and "(" not in line]
        if callable(member) and lines and len(lines[0].split()) > 3:
            found.setdefault(lines[0].strip(" .").lower(), library)
    return list(found), list(found.values())


def main() -> None:
    try:
        from skorch.hf import HuggingfaceTokenizer
        from tokenizers import Tokenizer, pre_tokenizers
        from tokenizers.models import WordLevel
    except ImportError:
        print("This example needs transformers and tokenizers: pip install sk_warmstart[text]")
        return
    texts, labels = first_sentences()
    order = np.random.default_rng(0).permutation(len(texts))
    texts, labels = [texts[i] for i in order], np.array(labels)[order]
    tokenizer = HuggingfaceTokenizer(
        Tokenizer,
        model=WordLevel,
        model__unk_token="[UNK]",
        trainer__special_tokens=["[PAD]", "[UNK]"],
        trainer__min_frequency=2,
        trainer__show_progress=False,
        pre_tokenizer=pre_tokenizers.Whitespace(),
        max_length=24,
        return_tensors="np",
    ).fit(texts)
    n_words = len(tokenizer.vocabulary_)
    n_test = len(texts) // 4
    test = dict(tokenizer.transform(texts[-n_test:]))

    models = {
        name: WarmStartClassifier(
            TextNet,
            module__n_words=n_words,
            warm_start=True,
            init_policy=name,
            max_epochs=8,
            batch_size=16,
            random_state=0,
        )
        for name in ("cold", "warm")
    }
    libraries = ", ".join(np.unique(labels))
    print(f"{len(texts)} sentences, {n_words} words, libraries {libraries}")
    print("month  sentences  accuracy cold / warm  loss before the first step cold / warm")
    torch.set_num_threads(1)
    for month in range(1, N_MONTHS + 1):
        n = (len(texts) - n_test) * month // N_MONTHS
        X = dict(tokenizer.transform(texts[:n]))
        for model in models.values():
            model.fit(X, labels[:n])
        scores = " / ".join(f"{model.score(test, labels[-n_test:]):.3f}" for model in models.values())
        losses = " / ".join(f"{model.start_.loss:.3f}" for model in models.values())
        print(f"{month:5d} {n:10d} {scores:>21} {losses:>39}")


if __name__ == "__main__":
    main()
