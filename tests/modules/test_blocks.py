"""Blocks of a network in their order: those of its lists, and what lies around them."""

from __future__ import annotations

import pytest
from helpers._deep_networks import EfficientNet, PictureNet, Residual, ResNet, TextNet
from torch import nn

from sk_warmstart.modules import MLP
from sk_warmstart.modules._blocks import block_names
from sk_warmstart.modules._selection import layer_names, layers_upwards, select_tensors


def blocks_of(network: nn.Module) -> list[str]:
    return block_names(network, layer_names(network))


def layers(path: str, n: int) -> list[str]:
    return [f"{path}.{i}" for i in range(n)]


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
        self.blocks = nn.ModuleDict({"one": Residual(2, 2), "two": Residual(2, 2), "norm": nn.BatchNorm2d(2)})
        self.classifier = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
        self.late = nn.Linear(3, 3)
        self.output_layer = "classifier.2"


class Nested(nn.Module):
    """Blocks with experts in them, and a norm of a class of its own."""

    class RMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(nn.Linear(1, 3).weight[:, 0].detach())

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.ModuleList([nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)) for _ in range(4)])
            self.norm = Nested.RMSNorm()

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Nested.Block(), Nested.Block()])
        self.norm = Nested.RMSNorm()
        self.top = nn.Linear(3, 3)


NETWORKS = {
    "BERT": (lambda: TextNet("bert", 12), ["body.embeddings", *layers("body.encoder.layer", 12), "head"]),
    "BERT with a pooler": (
        lambda: TextNet("pooled", 2),
        ["body.embeddings", *layers("body.encoder.layer", 2), "body.pooler", "head"],
    ),
    "DistilBERT": (
        lambda: TextNet("distilbert", 6),
        ["body.embeddings", *layers("body.transformer.layer", 6), "head"],
    ),
    "ResNet": (ResNet, ["conv1", *layers("layer1", 2), *layers("layer2", 2), "fc"]),
    "EfficientNet": (EfficientNet, ["_conv_stem", *layers("_blocks", 3), "_conv_head", "_fc"]),
    "wrapped": (
        lambda: nn.Sequential(ResNet(), nn.ReLU(), nn.Linear(2, 2)),
        ["0.conv1", *layers("0.layer1", 2), *layers("0.layer2", 2), "0.fc", "2"],
    ),
    "a list itself": (lambda: nn.Sequential(Residual(2, 2), Residual(2, 2), nn.Linear(2, 2)), ["0", "1", "2"]),
    "nothing but blocks": (lambda: nn.Sequential(Residual(2, 2), Residual(2, 2)), ["0", "1"]),
    "named head": (Classifier, ["tower", "blocks.one", "blocks.two", "classifier.0", "late", "classifier.2"]),
    "outermost": (Nested, ["blocks.0", "blocks.1", "top"]),
    "MLP": (lambda: MLP(4, 2, (5, 5)), ["hidden.0", "hidden.2", "output"]),
    "convolutions": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), nn.Linear(2, 2)),
        ["0", "2", "3"],
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_blocks_come_from_bottom_to_top(kind: str) -> None:
    build, expected = NETWORKS[kind]
    if "BERT" in kind:
        pytest.importorskip("transformers")
    assert blocks_of(build()) == expected


def test_blocks_of_a_vision_transformer() -> None:
    pytest.importorskip("transformers")
    blocks = blocks_of(PictureNet(n_layers=4))
    assert blocks[0] == "body.embeddings"
    assert [name.rpartition(".")[2] for name in blocks[1:-1]] == ["0", "1", "2", "3"]
    assert blocks[-1] == "head"


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_parameter_is_in_one_block_and_the_last_k_are_what_is_on_top(kind: str) -> None:
    if "BERT" in kind:
        pytest.importorskip("transformers")
    network = NETWORKS[kind][0]()
    groups = layers_upwards(network)
    names = [name for group in groups for name in group]
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())
    assert len(groups) == len(NETWORKS[kind][1])
    parameters = dict(network.named_parameters())
    for k in (1, 2):
        upper = {name for name in select_tensors(k, network) if name in parameters}
        assert upper == {name for group in groups[-k:] for name in group}
    with pytest.raises(ValueError, match=f"from 1 to {len(groups)}"):
        select_tensors(len(groups) + 1, network)


def test_normalisation_goes_with_the_block_before_it() -> None:
    groups = layers_upwards(ResNet())
    assert groups[0] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert all(name.startswith("layer1.1.") for name in groups[2])
    assert "norm.weight" in layers_upwards(Nested())[1]
    assert "_bn1.bias" in layers_upwards(EfficientNet())[-2]
