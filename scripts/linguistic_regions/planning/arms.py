"""The arms of the training experiments (paper, sections 3 and 5).

Each arm says which region is set to zero before training (`zero`), which is frozen (`freeze`), and which is the only
one that is trained (`train_only`). The regions are the top, bottom or random region at the experiment's ratio.
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
