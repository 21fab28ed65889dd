"""The arms of the training experiments: what each does with a region, before training and while it trains.

`lesion`: set the region to zero before training. `frozen`: its weights keep their bits. `only`: all others do.
"""

Arm = dict[str, str]

RETRAINING: dict[str, Arm] = {
    "top_freeze": {"lesion": "top", "frozen": "top"},
    "bottom_freeze": {"lesion": "bottom", "frozen": "bottom"},
    "top_unfreeze": {"lesion": "top"},
    "random_freeze": {"lesion": "random", "frozen": "random"},
}
FREEZING: dict[str, Arm] = {
    "full": {},
    "core_frozen": {"frozen": "top"},
    "random_frozen": {"frozen": "random"},
    "region_only": {"only": "top"},
}
ARMS: dict[str, Arm] = RETRAINING | FREEZING
