"""The arms of the training experiments: what each does with a region (paper, sections 3 and 5).

`zero`: set it to zero before training. `freeze`: its weights keep their bits. `train_only`: all others do. The regions
are those of the core at the experiment's ratio: top, bottom or random.
"""

Arm = dict[str, str]

RETRAINING: dict[str, Arm] = {
    "top_freeze": {"zero": "top", "freeze": "top"},
    "bottom_freeze": {"zero": "bottom", "freeze": "bottom"},
    "top_unfreeze": {"zero": "top"},
    "random_freeze": {"zero": "random", "freeze": "random"},
}
FREEZING: dict[str, Arm] = {
    "full": {},
    "core_frozen": {"freeze": "top"},
    "random_frozen": {"freeze": "random"},
    "region_only": {"train_only": "top"},
}
ARMS: dict[str, Arm] = RETRAINING | FREEZING
