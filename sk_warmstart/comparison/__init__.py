"""Was warm worth it? Phases, paired replicates, findings and a report."""

# Names are imported when they are first used (the list stands in __init__.pyi): reports are made without torch.
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
