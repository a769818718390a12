"""Names of tensors in another module, and the rule that turns them into those of a network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

_MOST_TRIED = 40  # rules, when one is looked for


@dataclass(frozen=True)
class NameRule:
    """How a source's names become a network's: leading parts are replaced, and then a prefix is put before."""

    prefix: str | None = None
    rename: Mapping[str, str | None] | None = None

    def __post_init__(self) -> None:
        if self.prefix is not None and not isinstance(self.prefix, str):
            raise TypeError(f"prefix must be a string such as 'body.', or None, got {self.prefix!r}")
        if not (self.rename is None or isinstance(self.rename, Mapping)):
            raise TypeError(
                "rename must be a dict from leading parts of the source's names to what they become, such as "
                f"{{'module.': ''}}, got {self.rename!r}"
            )
        for old, new in self.parts.items():
            if not isinstance(old, str) or not (new is None or isinstance(new, str)):
                raise TypeError(
                    "rename must map strings to strings (or to None, which leaves tensors out), got "
                    f"{old!r}: {new!r}"
                )
        object.__setattr__(self, "rename", self.parts)

    @property
    def parts(self) -> dict[str, str | None]:
        """A copy of what is renamed."""
        return dict(self.rename or {})

    def __hash__(self) -> int:
        return hash((self.prefix, tuple(sorted((old, str(new)) for old, new in self.parts.items()))))

    def __call__(self, name: str) -> str | None:
        """Return the name in the network; None for what is left out."""
        fitting = [part for part in self.parts if _begins(name, part)]
        if fitting:
            part = max(fitting, key=len)
            new = self.parts[part]
            if new is None:
                return None
            rest = name[len(part) :].removeprefix(".")
            name = new if not rest else _dotted(new) + rest
        return _dotted(self.prefix or "") + name

    def targets(self, names: Mapping[str, object]) -> dict[str, str | None]:
        """Return the new name of each of a source's names, which must differ; each part to rename must occur."""
        idle = [part for part in self.parts if not any(_begins(name, part) for name in names)]
        if idle:
            raise ValueError(
                f"rename: no name of the source begins with {idle[0]!r}; they are {some(list(names))}"
            )
        targets = {name: self(name) for name in names}
        before: dict[str, str] = {}
        for name, target in targets.items():
            if target is not None and before.setdefault(target, name) != name:
                raise ValueError(f"rename gives {before[target]!r} and {name!r} one name, {target!r}")
        return targets

    def __repr__(self) -> str:
        return ", ".join(self.arguments())

    def arguments(self) -> list[str]:
        """Return the arguments that say it."""
        given = [] if not self.prefix else [f"prefix={self.prefix!r}"]
        return given + ([f"rename={self.parts!r}"] if self.parts else [])


def propose(source: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> tuple[NameRule, float] | None:
    """Return the rule of one leading part by which most numbers of a network match, and their share of it."""
    total = sum(tensor.numel() for tensor in network.values())
    by_end: dict[str, list[str]] = defaultdict(list)
    for name in network:
        for at in _places(name):
            by_end[name[at:]].append(name[:at])
    votes: dict[tuple[str, str], int] = defaultdict(int)
    for name, tensor in source.items():
        for at in _places(name):
            for new in by_end.get(name[at:], ()):
                if network[new + name[at:]].shape == tensor.shape:
                    votes[name[:at], new] += tensor.numel()
    best: tuple[tuple[int, int], NameRule] | None = None
    for old, new in sorted(votes, key=lambda pair: (-votes[pair], len(pair[0]) + len(pair[1])))[:_MOST_TRIED]:
        rule = NameRule(new or None) if not old else NameRule(rename={old: new})
        found = sum(
            tensor.numel()
            for name, tensor in source.items()
            if (target := rule(name)) in network and network[str(target)].shape == tensor.shape
        )
        rank = (found, -len(old) - len(new))
        if best is None or rank > best[0]:
            best = rank, rule
    return None if best is None or not total else (best[1], best[0][0] / total)


def some(names: list[str], n: int = 4) -> str:
    """Return the first names and the number of all."""
    return ", ".join(names[:n]) + (f", ... ({len(names)} in all)" if len(names) > n else "")


def _begins(name: str, part: str) -> bool:
    return name == part or name.startswith(_dotted(part))


def _dotted(part: str) -> str:
    return part if not part or part.endswith(".") else part + "."


def _places(name: str) -> list[int]:
    """Where the parts of a name begin."""
    return [0, *(at + 1 for at, letter in enumerate(name) if letter == ".")]
