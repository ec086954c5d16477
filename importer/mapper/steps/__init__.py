"""The keys of a rule and of an entry, a class each. A module here is found by itself."""

import importlib
import pkgutil

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
