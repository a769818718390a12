"""pytest plugin: skorch's own tests meet the estimators of this library in place of skorch's."""

from __future__ import annotations

from typing import Any

import pytest
import skorch
import skorch_defaults
from cuda_files import write_cuda_files
from expected_failures import ExpectedFailures

_NET, _REGRESSOR = "test_net.py::TestNeuralNet::", "test_regressor.py::TestNeuralNetRegressor::"

REASONS = {
    # Tests of the nets themselves: test_net.py, test_classifier.py, test_regressor.py.
    "a template module or criterion is copied, never trained itself, so that clones and grids start alike": (
        _NET + "test_modules_reinit_when_both_initialized_but_custom_module_changed",
        _NET + "test_criteria_reinit_when_both_initialized_but_custom_criterion_changed",
        _NET + "test_custom_module_is_init_when_default_module_already_is",
        _NET + "test_custom_criterion_is_init_when_default_criterion_already_is",
    ),
    "the start is evaluated before the first step, so the test counts one more forward pass": (
        _NET + "test_fit_params_passed_to_module",
        _NET + "test_fit_params_passed_to_module_in_pipeline",
        _NET + "test_criterion_training_set_correctly",
        "test_net.py::TestMetadataRouting::test_fit_with_extra_params_and_routing",
        "test_scoring.py::TestScoringCacheGlobalControl::test_net_overrides_caching",
    ),
    "y is one label a row, checked as scikit-learn does; sequences go in as a Dataset": (
        _NET + "test_net_variable_prediction_lengths",
        _NET + "test_net_variable_label_lengths",
    ),
    "set_params does not throw away what was learned; a new architecture is built by the next fit": (
        _NET + "test_changing_model_reinitializes_optimizer",
    ),
    "a net's text is scikit-learn's, the parameters that the user set; the network is a line away, in module_": (
        _NET + "test_repr_uninitialized_works",
        _NET + "test_repr_initialized_works",
        _NET + "test_repr_fitted_works",
    ),
    "a one-dimensional y is compared as a column, so there is nothing to warn of": (
        _REGRESSOR + "test_dimension_mismatch_warning",
    ),
    # Tests of what goes around a net: callbacks and datasets.
    "the test watches skorch's own method by its path, which a subclass that has one does not call": (
        "test_training.py::TestInputShapeSetter::test_no_module_reinit_when_already_correct",
        "test_training.py::TestInputShapeSetter::test_no_module_reinit_partial_fit",
    ),
    "one-dimensional X is refused in scikit-learn's words before callbacks see it": (
        "test_training.py::TestInputShapeSetter::test_one_dimensional_x_raises",
    ),
    "a DataFrame is one table for the network, as in scikit-learn, not one argument a column": (
        "test_dataset.py::TestNetWithPandas::test_fit_predict_proba",
    ),
    "labels of a dataset that holds them in its rows only are read, so classes_ are there": (
        "test_classifier.py::TestNeuralNet::test_error_when_classes_could_not_be_inferred",
    ),
    "partial_fit continues training, so the schedule counts the batches of earlier calls": (
        "test_lr_scheduler.py::TestLRCallbacks::test_lr_callback_batch_steps_correctly_fallback",
    ),
}


# They load a tokenizer from the network where transformers is installed.
FROM_THE_NETWORK = ("TestGetLen::test_get_len_transformers_tokenizer", "TestNetWithTokenizers::")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(name in item.nodeid for name in FROM_THE_NETWORK):
            item.add_marker(pytest.mark.skip(reason="loads a tokenizer from the network"))


def pytest_configure(config: Any) -> None:
    # The package's names only: skorch's classes call super() through those of their own modules.
    for name in ("NeuralNetClassifier", "NeuralNetRegressor", "NeuralNetBinaryClassifier"):
        setattr(skorch, name, getattr(skorch_defaults, name))
    config.pluginmanager.register(ExpectedFailures("skorch's suite", REASONS))


@pytest.fixture(scope="session", autouse=True)
def _files_from_a_machine_with_cuda(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The suite looks for three files of its repository, which no release of skorch contains."""
    folder = tmp_path_factory.mktemp("cuda")
    write_cuda_files(folder / "skorch" / "tests")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield
