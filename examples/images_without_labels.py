"""Images without labels: learn from all of them, then fine-tune on the few that have labels.

A masked autoencoder (He et al. 2022) of transformers, in a size for a CPU: an image is cut into patches, the
encoder sees a part of them, and a small decoder completes the others. Two methods make it a module for
:class:`~sk_warmstart.WarmStartTransformer`: ``forward``, which returns the loss (here an output that has it as
``loss``), and ``embed``, which maps whole images to embeddings. A classifier whose encoder has the same name,
``vit``, starts from what was learned. The table has accuracies on other images, for a classifier from random
weights, a linear one on the embeddings, and the fine-tuned one, whose head is fresh or fitted first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from sk_warmstart import WarmStartClassifier, WarmStartTransformer

try:
    from transformers import ViTMAEConfig, ViTMAEForPreTraining, ViTMAEModel
except ImportError:  # pip install "sk_warmstart[text]"
    ViTMAEConfig = None

LABELLED = 100
SIZES = {"image_size": 8, "patch_size": 2, "num_channels": 1, "hidden_size": 64, "intermediate_size": 128}
# Weights of the scale that suits this width; the default, 0.02, is for wide networks.
WEIGHTS = {"initializer_range": 0.12}
DEPTHS = {"num_hidden_layers": 2, "num_attention_heads": 4, "decoder_num_hidden_layers": 1, **WEIGHTS}
DECODER = {"decoder_hidden_size": 32, "decoder_intermediate_size": 64, "decoder_num_attention_heads": 4}


def positions(width: int) -> Tensor:
    """Sines and cosines of the rows and columns of patches; zeros for the first token, which is none.

    Of transformers 5.24 a model that is made from a configuration has zeros for all patches.
    """
    side = SIZES["image_size"] // SIZES["patch_size"]
    angles = torch.arange(side)[:, None] / 100 ** (torch.arange(width // 4) / (width // 4))
    waves = torch.cat([angles.sin(), angles.cos()], 1)
    grid = torch.cat([waves.repeat_interleave(side, 0), waves.repeat(side, 1)], 1)
    return torch.cat([torch.zeros(1, width), grid])[None]


if ViTMAEConfig is not None:

    class MaskedImages(ViTMAEForPreTraining):
        """A masked autoencoder that also gives embeddings."""

        def __init__(self, mask_ratio: float = 0.5):
            super().__init__(ViTMAEConfig(mask_ratio=mask_ratio, **SIZES, **DEPTHS, **DECODER))
            self.vit.embeddings.position_embeddings.data = positions(SIZES["hidden_size"])
            self.decoder.decoder_pos_embed.data = positions(DECODER["decoder_hidden_size"])
            nn.init.normal_(self.decoder.mask_token, std=0.02)

        def embed(self, X: Tensor) -> Tensor:
            masked, self.config.mask_ratio = self.config.mask_ratio, 0.0
            try:
                return self.vit(X).last_hidden_state[:, 1:].mean(1)
            finally:
                self.config.mask_ratio = masked

    class ImageClassifier(nn.Module):
        """The encoder of a masked autoencoder, which sees all patches, with a linear layer on top."""

        def __init__(self, n_outputs: int):
            super().__init__()
            self.vit = ViTMAEModel(ViTMAEConfig(mask_ratio=0.0, **SIZES, **DEPTHS))
            self.vit.embeddings.position_embeddings.data = positions(SIZES["hidden_size"])
            self.head = nn.Linear(SIZES["hidden_size"], n_outputs)

        def forward(self, X: Tensor) -> Tensor:
            return self.head(self.vit(X).last_hidden_state[:, 1:].mean(1))


def main() -> None:
    if ViTMAEConfig is None:
        print("This example needs transformers: pip install 'sk_warmstart[text]'")
        return
    torch.set_num_threads(1)
    X, y = load_digits(return_X_y=True)
    X = ((X.reshape(-1, 1, 8, 8) - X.mean()) / X.std()).astype(np.float32)
    X, rest, y, rest_y = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)

    learner = WarmStartTransformer(MaskedImages, max_epochs=40, batch_size=32, random_state=0).fit(X)
    print(
        f"a loss of {learner.loss_curve_[0]:.3f} in the first epoch, {learner.loss_curve_[-1]:.3f} in the last\n"
    )

    few, _, few_y, _ = train_test_split(X, y, train_size=LABELLED, stratify=y, random_state=0)
    cold = WarmStartClassifier(ImageClassifier, max_epochs=30, batch_size=16, random_state=0)
    warm = clone(cold).set_params(warm_start_from=FrozenEstimator(learner))
    probed = clone(warm).set_params(init_policy="linear_probe")
    linear = LogisticRegression(C=10, max_iter=2000)
    scores = {
        "from random weights": cold.fit(few, few_y).score(rest, rest_y),
        "linear, on pixels": linear.fit(few.reshape(len(few), -1), few_y).score(
            rest.reshape(len(rest), -1), rest_y
        ),
        "linear, on embeddings": linear.fit(learner.transform(few), few_y).score(learner.transform(rest), rest_y),
        "fine-tuned": warm.fit(few, few_y).score(rest, rest_y),
        "head by a probe, then fine-tuned": probed.fit(few, few_y).score(rest, rest_y),
    }
    print(f"{LABELLED} images with labels, {len(X)} without; accuracy on {len(rest)} other images:\n")
    print(pd.Series(scores).to_string(float_format="{:.3f}".format))
    print(f"\nfresh in the fine-tuned one: {', '.join(warm.start_.missing)}")


if __name__ == "__main__":
    main()
