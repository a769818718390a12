"""Augmentations: each row its own draw, the kind of the batch kept, the same seed the same result."""

from __future__ import annotations

import pytest
import torch
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sk_warmstart.augment import ColumnSwap, Compose, Cutout, GaussianNoise, RandomCrop, RandomHorizontalFlip

OF_IMAGES = [RandomCrop(2), RandomHorizontalFlip(), Cutout(3), ColumnSwap(), Compose([RandomCrop(1), Cutout(2)])]
OF_TABLES = [ColumnSwap(), ColumnSwap(1), Compose([ColumnSwap(0.1), ColumnSwap(0.1)])]
DTYPES = [torch.uint8, torch.int64, torch.float32, torch.float64, torch.bfloat16]


def drawn(shape, dtype, seed=0):
    return torch.randint(1, 200, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=examples(40))
@given(
    augmentation=st.sampled_from(OF_IMAGES),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    axes=st.sampled_from([3, 4]),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32),
)
def test_kind_is_kept_the_batch_untouched_and_the_seed_decides(augmentation, shape, axes, dtype, seed) -> None:
    X = drawn(shape[4 - axes :] if axes == 4 else (shape[0], *shape[2:]), dtype)
    before = X.clone()
    one, other = augmentation(X, seeded(seed)), augmentation(X, seeded(seed))
    assert (one.shape, one.dtype, one.device) == (X.shape, X.dtype, X.device)
    assert torch.equal(one, other)
    assert torch.equal(X, before)
    assert set(one.flatten().tolist()) <= {0, *X.flatten().tolist()}


@pytest.mark.parametrize("augmentation", [*OF_IMAGES, *OF_TABLES, GaussianNoise()], ids=repr)
def test_every_row_has_its_own_draw_and_the_next_batch_another(augmentation) -> None:
    alike = drawn((1, 3, 8, 8), torch.float64).expand(64, -1, -1, -1)
    X = torch.cat([alike, drawn((64, 3, 8, 8), torch.float64, seed=1)])
    generator = seeded()
    first, second = augmentation(X, generator), augmentation(X, generator)
    assert len({tuple(row.flatten().tolist()) for row in first[:64]}) > 1
    assert not torch.equal(first, second)


@settings(max_examples=examples(20))
@given(padding=st.integers(0, 9), size=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_a_crop_is_the_padded_image_seen_through_a_window(padding, size, seed) -> None:
    X = drawn((6, 2, size, size), torch.int64)
    cropped = RandomCrop(padding)(X, seeded(seed))
    padded = torch.nn.functional.pad(X, [padding] * 4)
    for image, crop in zip(padded, cropped, strict=True):
        windows = image.unfold(1, size, 1).unfold(2, size, 1)
        assert bool((windows == crop[:, None, None]).flatten(3).all(3).all(0).any())


def test_all_moves_of_a_crop_are_equally_frequent() -> None:
    X = torch.zeros(9000, 3, 3)
    X[:, 1, 1] = 1
    places = RandomCrop(1)(X, seeded()).flatten(1).argmax(1).bincount(minlength=9)
    assert len(places) == 9
    assert bool(((places - 1000).abs() < 150).all())


def test_flips_mirror_the_columns_and_nothing_else() -> None:
    X = drawn((400, 2, 3, 4), torch.uint8)
    flipped = RandomHorizontalFlip(0.25)(X, seeded())
    changed = (flipped != X).flatten(1).any(1)
    assert torch.equal(flipped[changed], X.flip(-1)[changed])
    assert 60 < int(changed.sum()) < 140
    assert torch.equal(RandomHorizontalFlip(0)(X, seeded()), X)


def test_cutout_removes_one_square_the_same_in_all_channels() -> None:
    X = torch.ones(300, 3, 6, 6)
    left = Cutout(3)(X, seeded())
    assert bool((left == left[:, :1]).all())
    for image in left[:, 0]:
        rows, columns = (image == 0).any(1), (image == 0).any(0)
        assert torch.equal(image == 0, rows[:, None] & columns)
        assert 1 < int(rows.sum()) <= 3
        assert 1 < int(columns.sum()) <= 3
    assert int((left == 0).all(1).flatten(1).sum(1).max()) == 9


@settings(max_examples=examples(20))
@given(n=st.integers(1, 9), columns=st.integers(1, 4), p=st.sampled_from([0.0, 0.3, 1.0]), seed=st.integers(0, 99))
def test_a_swapped_entry_comes_from_another_row_of_its_column(n, columns, p, seed) -> None:
    X = torch.arange(n * columns).view(n, columns)
    swapped = ColumnSwap(p)(X, seeded(seed))
    assert torch.equal(swapped % columns, X % columns)  # of its column
    if p == 0 or n == 1:
        assert torch.equal(swapped, X)
    if p == 1 and n > 1:
        assert not (swapped == X).any()  # of another row


def test_shares_of_swapped_entries_and_scale_of_noise() -> None:
    X = torch.arange(20_000.0).view(5000, 4)
    assert float((ColumnSwap(0.3)(X, seeded()) != X).double().mean()) == pytest.approx(0.3, abs=0.02)
    noise = GaussianNoise(0.5)(torch.zeros(5000, 4, dtype=torch.float64), seeded())
    assert float(noise.std()) == pytest.approx(0.5, abs=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)


def test_parameters_are_those_of_scikit_learn() -> None:
    composed = Compose([RandomCrop(padding=2), Cutout()])
    assert repr(clone(composed)) == "Compose(steps=[RandomCrop(padding=2), Cutout()])"
    assert RandomCrop().set_params(padding=7).get_params() == {"padding": 7}


@pytest.mark.parametrize(
    ("augmentation", "X", "words"),
    [
        (RandomCrop(-1), torch.zeros(1, 2, 2), "padding of RandomCrop"),
        (RandomCrop(1.5), torch.zeros(1, 2, 2), "padding of RandomCrop"),
        (RandomCrop(1), torch.zeros(4, 2), "RandomCrop takes images"),
        (RandomCrop(1), torch.zeros(2, 8, 8, 3), "RandomCrop takes images"),  # channels last
        (RandomHorizontalFlip(2), torch.zeros(1, 2, 2), "p of RandomHorizontalFlip"),
        (RandomHorizontalFlip(), torch.zeros(4, 2), "RandomHorizontalFlip takes images"),
        (Cutout(0), torch.zeros(1, 2, 2), "size of Cutout"),
        (Cutout(), {"pixels": torch.zeros(1, 2, 2)}, "Cutout takes a batch that is one tensor, got a dict"),
        (GaussianNoise(-1), torch.zeros(1, 2), "scale of GaussianNoise"),
        (GaussianNoise(), torch.zeros(1, 2, dtype=torch.int64), "GaussianNoise takes floating-point numbers"),
        (ColumnSwap("all"), torch.zeros(1, 2), "p of ColumnSwap"),
        (ColumnSwap(), torch.zeros(3), "ColumnSwap takes a table"),
        (Compose([]), torch.zeros(1, 2), "steps of Compose"),
        (Compose(RandomCrop()), torch.zeros(1, 2, 2), "steps of Compose"),
        (Compose([RandomCrop]), torch.zeros(1, 2, 2), "steps of Compose"),
    ],
)
def test_what_is_wrong_is_named(augmentation, X, words) -> None:
    with pytest.raises(ValueError, match=words):
        augmentation(X, seeded())
