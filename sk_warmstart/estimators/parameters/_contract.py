"""Contract of parameters: scikit-learn's, where skorch's differs from it."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any, Self

import torch
from sklearn.base import BaseEstimator
from skorch import NeuralNet

from ..._compat._sklearn import OwnParamsInDiagram
from .._learned import NOTHING, Learned
from ..run._run import Run
from ._messages import check_buildable
from ._signature import sign_constructor

# skorch sets these in __init__, scikit-learn forbids it; they are served from __getattr__ until they are set.
_UNSET: dict[str, Callable[[], Any]] = {
    "history_": lambda: None,
    "initialized_": lambda: False,
    "virtual_params_": dict,
}

_SHARED = "_shared_architecture"  # in a pickle


def resolve_device(device: Any) -> Any:
    """Turn ``"auto"`` into the device to use; anything else is returned as it is."""
    if isinstance(device, str) and device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


class SkorchContract(OwnParamsInDiagram):
    """Parameters of a skorch net as scikit-learn wants them: recorded, never acted upon, cloned as given."""

    learned_: Learned
    prefixes_ = [*NeuralNet.prefixes_, "init_policy"]
    # skorch maps what these hold to the device at hand when it is unpickled.
    cuda_dependent_attributes_ = [*NeuralNet.cuda_dependent_attributes_, "learned_"]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # scikit-learn generates these from fit's signature; skorch's also take the module's own arguments.
        for name in ("set_fit_request", "set_partial_fit_request"):
            setattr(cls, name, vars(NeuralNet)[name])
        sign_constructor(cls)

    # skorch's shows the network, and no parameter but the module's; the network is module_.
    __repr__ = BaseEstimator.__repr__

    def __getattr__(self, name: str) -> Any:
        # torch_load_kwargs is the last parameter that skorch's __init__ sets before these.
        if name in _UNSET and "torch_load_kwargs" in self.__dict__:
            return _UNSET[name]()
        inherited = next((vars(cls)[name] for cls in type(self).__mro__ if name in vars(cls)), None)
        if isinstance(inherited, property) and inherited.fget is not None:
            return inherited.fget(self)  # says in its own words why there is nothing
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _forget_unset(self) -> None:
        for name, default in _UNSET.items():
            if self.__dict__.get(name, self) == default():
                del self.__dict__[name]

    @property
    def device(self) -> Any:
        """Where the network lives; the parameter ``"auto"`` is resolved here, since skorch uses it as is."""
        return resolve_device(self.__dict__["device"])

    @device.setter
    def device(self, value: Any) -> None:
        self.__dict__["device"] = value

    @classmethod
    def _is_parameter_name(cls, name: str) -> bool:
        return not name.startswith("_") and not name.endswith("_")

    def _get_param_names(self) -> list[str]:
        return [name for name in self.__dict__ if self._is_parameter_name(name)]

    def get_params(self, deep: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Return the parameters as they were given; see scikit-learn's ``get_params``."""
        params = super().get_params(deep=deep, **kwargs)  # type: ignore[misc]
        return params | {name: value for name, value in self.__dict__.items() if name == "device"}

    def set_params(self, **params: Any) -> Any:
        """Record parameters; see scikit-learn's ``set_params``.

        On a fitted estimator nothing that was learned is touched: a new architecture takes effect at the
        next ``fit``, a new learning rate or other optimiser number at the next step.

        Parameters
        ----------
        **params
            Parameters by name, nested ones with double underscores.

        Returns
        -------
        self
            The estimator.
        """
        policy_params = {key: params.pop(key) for key in list(params) if key.startswith("init_policy__")}
        augment_params = {key: params.pop(key) for key in list(params) if key.startswith("augment__")}
        policy = params.get("init_policy", self.init_policy)
        if policy is not self.init_policy and not (isinstance(policy, str) and policy == self.init_policy):
            # What was set on the old policy does not belong to the new one.
            for key in [key for key in self.__dict__ if key.startswith("init_policy__")]:
                del self.__dict__[key]
                self._params_to_validate.discard(key)
        if not self.initialized_:
            # skorch would build callbacks at once, and trip over what fit is to judge; of a template it would
            # think that it is a network.
            templates = [key for key, value in params.items() if isinstance(value, torch.nn.Module)]
            for key in {"callbacks", *templates} & params.keys() & self.__dict__.keys():
                self.__dict__[key] = params.pop(key)
        if self.initialized_:
            check_buildable(params)
        if self._has_learned():
            self._record_params(params)
        elif params:
            super().set_params(**params)  # type: ignore[misc]
        self._record_policy_params(policy_params)
        self._record_augment_params(augment_params)
        return self

    @property
    def _run_at_hand(self) -> Run | None:
        """The training call that is under way."""
        return vars(self).get("run_")

    @property
    def _current(self) -> Learned:
        """What the net has learned, or is learning now."""
        run = vars(self).get("run_")
        return vars(self).get("learned_", NOTHING) if run is None else run.learned

    def _has_learned(self) -> bool:
        return self._current.start is not None

    def _record_policy_params(self, params: dict[str, Any]) -> None:
        policy = self.__dict__["init_policy"]
        if hasattr(policy, "set_params") and not isinstance(policy, type):
            if params:
                policy.set_params(**{key.partition("__")[2]: value for key, value in params.items()})
        else:
            self.__dict__.update(params)
            self._params_to_validate.update(params)

    def _record_augment_params(self, params: dict[str, Any]) -> None:
        augment = self.__dict__["augment"]
        if not params:
            return
        if isinstance(augment, type) or not hasattr(augment, "set_params"):
            raise ValueError(f"{next(iter(params))!r} is a parameter of augment, and {augment!r} has none")
        augment.set_params(**{key.partition("__")[2]: value for key, value in params.items()})

    def _record_params(self, params: dict[str, Any]) -> None:
        callbacks = {key: value for key, value in params.items() if key.startswith("callbacks")}
        plain, nested = {}, {}
        for key, value in params.items():
            if key in callbacks or key.startswith("optimizer__param_groups__"):
                continue
            prefix, _, rest = key.partition("__")
            if rest and prefix in self.prefixes_ and not key.endswith("_"):
                nested[key] = value
            else:
                plain[key] = value
        BaseEstimator.set_params(self, **plain)
        for key, value in nested.items():
            setattr(self, key, value)
            self._params_to_validate.add(key)
        if callbacks:
            super().set_params(**callbacks)  # type: ignore[misc]
        self._rebuild_parts({key.partition("__")[0] for key in (*plain, *nested)})
        self._set_live_optimizer({**plain, **nested})
        # One group's number is the optimiser's alone: no parameter of the constructor says it.
        groups = {key: value for key, value in params.items() if key.startswith("optimizer__param_groups__")}
        self._apply_virtual_params(groups)

    def _rebuild_parts(self, names: set[str]) -> None:
        """Build anew what nothing was learned in: a criterion, and the network before training begins."""
        run = self._run_at_hand
        if run is not None and names & set(self._modules) and run.restart():
            return
        if names & set(self._criteria) and not any(map(self._learns, self._criteria)):
            self._initialize_criterion()
            if run is not None:
                run.learn(criterion_changed=True)
            else:
                self.learned_ = replace(self.learned_, criterion_changed=True)

    def _learns(self, name: str) -> bool:
        part = getattr(self, name + "_", None)
        return isinstance(part, torch.nn.Module) and bool(part.state_dict())

    def _set_live_optimizer(self, params: dict[str, Any]) -> None:
        """What may change between two steps changes in the optimiser at hand: partial_fit goes on with it."""
        for key, value in params.items():
            name = "lr" if key == "lr" else key.partition("optimizer__")[2]
            for group in self.optimizer_.param_groups:
                if type(group.get(name)) in (int, float) and not isinstance(value, Real | torch.Tensor):
                    raise ValueError(f"The {key!r} parameter must be a number, got {value!r} instead")
                if name and name in group:
                    group[name] = value

    def __getstate__(self) -> dict[str, Any]:
        """Leave the rows of a training call that is under way out of a pickle.

        skorch pickles what was learned apart from the parameters: a template that the network was built from is
        named there, so that it stays the same object as the parameter.
        """
        learned, shared = self._current, []
        pickled = object.__new__(type(self))
        vars(pickled).update(vars(self))
        vars(pickled).pop("run_", None)
        if learned is not NOTHING:
            built = learned.architecture
            shared = [name for name, value in built.items() if vars(self).get(name) is value]
            apart = {name: value for name, value in built.items() if name not in shared}
            pickled.learned_ = replace(learned, architecture=apart)
        return {**super(SkorchContract, pickled).__getstate__(), _SHARED: shared}  # type: ignore[dict-item]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy without the pickle inside of skorch's, which takes several times as long for a small network."""
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        own = (SkorchContract.__getstate__, SkorchContract.__setstate__)
        if (type(self).__getstate__, type(self).__setstate__) == own:  # a user's own say what is kept
            kept = {name: value for name, value in vars(self).items() if name != "run_"}
            if self._current is not NOTHING:
                kept["learned_"] = self._current
            with contextlib.suppress(RuntimeError):  # of tensors that can only be pickled
                vars(twin).update(copy.deepcopy(kept, memo))
                return twin
        twin.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return twin

    def __setstate__(self, state: dict[str, Any]) -> None:
        requested = state["device"]
        shared = state.get(_SHARED, ())
        loadable = {name: value for name, value in state.items() if name != _SHARED}
        super().__setstate__({**loadable, "device": resolve_device(requested)})  # type: ignore[misc]
        if requested == "auto":
            self.__dict__["device"] = requested
        for _, callback in vars(self).get("callbacks_", ()):
            scheduler: Any = getattr(callback, "lr_scheduler_", None)
            if hasattr(scheduler, "optimizer") and "optimizer_" in vars(self):
                scheduler.optimizer = self.optimizer_  # skorch pickles the two apart
        if shared:
            built = {**self.learned_.architecture, **{name: vars(self)[name] for name in shared}}
            self.learned_ = replace(self.learned_, architecture=built)
