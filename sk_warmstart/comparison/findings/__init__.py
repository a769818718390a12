"""What a comparison found: gains, stages and sentences, as one value."""

# On first use: reports read the files of this room, and findings write reports.
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
