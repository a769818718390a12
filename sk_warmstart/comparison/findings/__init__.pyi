from ._findings import Findings

__all__ = ["Findings"]
