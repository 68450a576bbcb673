"""Tables of named things (functions, formats) that modules add themselves to."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Generic, TypeVar

from merganser.errors import InternalError, UnknownNameError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Entries by SQL name, any letter case.

    Modules of `package` add their own entries when imported; the first look-up imports them all in
    name order and freezes the table. `more` gives entries that come and go; they replace none.

    Raises:
        InternalError: A second entry of one name, or an entry after the first look-up.
        UnknownNameError: A look-up of a name that is not there; hints the nearest.
    """

    def __init__(
        self,
        noun: str,
        package: str,
        *,
        optional: Collection[str] = (),
        more: Callable[[], Mapping[str, T]] = dict,
    ) -> None:
        """`optional` are libraries without which the modules that import them are left out."""
        self._noun = noun
        self._package = package
        self._entries: dict[str, T] = {}
        self._frozen = False
        self._optional = frozenset(optional)
        self._more = more

    def add(self, name: str, entry: T) -> None:
        """Adds an entry; called at import by the module that defines it."""
        if self._frozen:
            raise InternalError(f"{self._noun} {name} was added after the first look-up")
        if name.upper() in self._entries:
            raise InternalError(f"{self._noun} {name} was added twice")
        self._entries[name.upper()] = entry

    def _load(self) -> dict[str, T]:
        if not self._frozen:
            package = importlib.import_module(self._package)
            for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
                try:
                    importlib.import_module(f"{self._package}.{module}")
                except ModuleNotFoundError as error:
                    if (error.name or "").partition(".")[0] not in self._optional:
                        raise
            self._frozen = True
        return self._entries

    def __getitem__(self, name: str) -> T:
        entries = self._all()
        if (entry := entries.get(name.upper())) is not None:
            return entry
        near = difflib.get_close_matches(name.upper(), entries, n=1)
        raise UnknownNameError(
            f"{self._noun} {name} does not exist",
            hint=f"Did you mean {near[0]}?" if near else None,
        )

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.upper() in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    @property
    def own(self) -> Mapping[str, T]:
        """The entries that modules of the package added."""
        return self._load()

    def _all(self) -> Mapping[str, T]:
        more = self._more()
        return {**more, **self._load()} if more else self._load()
