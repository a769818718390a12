"""Files of skorch's Checkpoint where several fits run at a time."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import pytest
from helpers import regressor
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Checkpoint, TrainEndCheckpoint
from skorch.dataset import ValidSplit

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = X[:, 0]


def search(callback: Any) -> Any:
    subject = regressor(max_epochs=8, train_split=ValidSplit(3), callbacks=[callback])
    return GridSearchCV(subject, {"lr": [0.1, 0.01, 0.001]}, cv=2, refit=False)


@pytest.mark.parametrize("backend", ["threading", "loky", "packed"])
def test_each_fit_of_a_search_has_files_of_its_own(
    backend: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    alone = search(Checkpoint(load_best=True)).fit(X, Y).cv_results_["mean_test_score"]
    for file in tmp_path.iterdir():
        file.unlink()
    with joblib.parallel_config(backend=backend, n_jobs=2):
        together = search(Checkpoint(load_best=True)).fit(X, Y).cv_results_["mean_test_score"]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert not list(tmp_path.iterdir())


def test_files_lie_where_they_were_asked_for(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for callback in (Checkpoint(), TrainEndCheckpoint()):
        regressor(train_split=ValidSplit(3), callbacks=[callback]).fit(X, Y)
        assert callback.dirname == ""
    assert {"params.pt", "train_end_params.pt"} <= {file.name for file in tmp_path.iterdir()}
    with joblib.parallel_config(backend="threading", n_jobs=2):
        search(Checkpoint(dirname=str(tmp_path / "own"))).fit(X, Y)
    assert (tmp_path / "own" / "params.pt").exists()
