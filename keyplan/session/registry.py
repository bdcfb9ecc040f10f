"""What is installed: providers, stores and commands, found by their entry points.

Rules: nothing is imported before it is used, and the installed distributions are
looked through once a group, when its first name is asked for. A plugin that cannot be
imported, or that two distributions claim, is an error only for who uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from keyplan.errors import KeyplanError, ProviderDefectError, ProviderError, StoreError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from keyplan.sdk.provider import Plugin
    from keyplan.sdk.store import StorePlugin

PROVIDERS = "keyplan.providers"
STORES = "keyplan.stores"
COMMANDS = "keyplan.commands"

T = TypeVar("T")


def installed(group: str) -> Iterable[EntryPoint]:
    """The entry points of a group in this environment (about 4 ms)."""
    from importlib.metadata import entry_points  # noqa: PLC0415  (60 ms, and not always needed)

    return entry_points(group=group)


class Plugins(Mapping[str, T], Generic[T]):
    """Plugins of one kind by name, imported when they are asked for.

    Listing the names imports nothing. `KeyError` if there is none of that name;
    whatever keeps one from being used is the error that `failed` makes.
    """

    def __init__(
        self,
        entry_points: Callable[[], Mapping[str, tuple[EntryPoint, ...]]],
        load: Callable[[EntryPoint], T],
        failed: Callable[[str, str], KeyplanError],
    ) -> None:
        self._find = entry_points
        self._load = load
        self._failed = failed
        self._loaded: dict[str, T] = {}

    @cached_property
    def _entry_points(self) -> Mapping[str, tuple[EntryPoint, ...]]:
        return self._find()

    def __getitem__(self, name: str) -> T:
        if name not in self._loaded:
            candidates = self._entry_points[name]
            if len(candidates) > 1:
                claimants = ", ".join(sorted(_distribution(point) for point in candidates))
                raise self._failed(
                    f"{name} is claimed by several installed distributions: {claimants}",
                    "Uninstall all but one of them.",
                )
            self._loaded[name] = self._load(candidates[0])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entry_points  # without importing it

    def __iter__(self) -> Iterator[str]:
        return iter(self._entry_points)

    def __len__(self) -> int:
        return len(self._entry_points)


class Registry:
    """Everything installed beside the core. Made by `load_registry`."""

    def __init__(self, find: Callable[[str], Iterable[EntryPoint]]) -> None:
        self._find = find

    def _group(self, name: str) -> Mapping[str, tuple[EntryPoint, ...]]:
        group: dict[str, tuple[EntryPoint, ...]] = {}
        for point in self._find(name):
            group[point.name] = (*group.get(point.name, ()), point)
        return dict(sorted(group.items()))

    @cached_property
    def plugins(self) -> Mapping[str, Plugin]:
        """Providers by type."""
        return Plugins(lambda: self._group(PROVIDERS), _load_plugin, _provider_failed)

    @cached_property
    def stores(self) -> Mapping[str, StorePlugin]:
        """Stores by name."""
        return Plugins(lambda: self._group(STORES), _load_store, _store_failed)

    @cached_property
    def commands(self) -> Mapping[str, EntryPoint]:
        """Command groups that adapters add to the command line; loading them is the caller's."""
        return {name: points[0] for name, points in self._group(COMMANDS).items()}


def load_registry(find: Callable[[str], Iterable[EntryPoint]] = installed) -> Registry:
    """What is installed. Costs nothing until the first name is looked up."""
    return Registry(find)


# -- loading -----------------------------------------------------------------------------


def _load_plugin(point: EntryPoint) -> Plugin:
    from keyplan.sdk.provider import Plugin as Contract  # noqa: PLC0415  (pydantic: 60 ms)

    plugin = _imported(point, "provider", _provider_failed)
    if not isinstance(plugin, Contract) or plugin.name != point.name:
        raise ProviderDefectError(
            f"{point.value} is not the provider {point.name}",
            why="An entry point must name an object of the Plugin protocol with that name.",
            advice=f"Report it to the authors of {_distribution(point)}.",
        )
    return plugin


def _load_store(point: EntryPoint) -> StorePlugin:
    from keyplan.sdk.store import StorePlugin as Contract  # noqa: PLC0415  (pydantic: 60 ms)

    store = _imported(point, "store", _store_failed)
    if not isinstance(store, Contract) or store.name != point.name:
        raise StoreError(
            f"{point.value} is not the store {point.name}",
            why="An entry point must name an object of the StorePlugin protocol with that name.",
            advice=f"Report it to the authors of {_distribution(point)}.",
        )
    return store


def _imported(point: EntryPoint, kind: str, failed: Callable[[str, str], KeyplanError]) -> object:
    """The object behind an entry point. Whatever its import raises becomes advice."""
    try:
        return cast("object", point.load())
    except ModuleNotFoundError as error:
        extras = ",".join(point.extras)
        wanted = _distribution(point) + (f"[{extras}]" if extras else "")
        raise failed(
            f"the {kind} {point.name} cannot be used here:"
            f" the Python module {error.name} is not installed",
            f"Install what it needs: pip install '{wanted}'",
        ) from error
    except Exception as error:
        raise failed(
            f"the {kind} {point.name} cannot be imported ({type(error).__name__})",
            f"Check the installation of {_distribution(point)}; --debug shows where it fails.",
        ) from error


def _provider_failed(what: str, advice: str) -> KeyplanError:
    return ProviderError(what, advice=advice)


def _store_failed(what: str, advice: str) -> KeyplanError:
    return StoreError(what, advice=advice)


def _distribution(point: EntryPoint) -> str:
    distribution = point.dist
    return distribution.name if distribution is not None else "an unknown distribution"
