# Experiments 1 and 3: training on one language with the core removed or frozen, and with controls.

# What an arm does with a region before and during training.
RETRAINING_ARMS = {
    "top_freeze": {"lesion": "top", "frozen": "top"},
    "bottom_freeze": {"lesion": "bottom", "frozen": "bottom"},
    "random_freeze": {"lesion": "random", "frozen": "random"},
    "top_unfreeze": {"lesion": "top"},
}
FREEZING_ARMS = {
    "full": {},
    "core_frozen": {"frozen": "top"},
    "random_frozen": {"frozen": "random"},
    "region_only": {"only": "top"},
}


def arm_regions(arms, ratio):
    """An input function: the region files that an arm works with, one for each thing that it does."""

    def files(wildcards):
        names = {"top": f"top-{ratio:g}", "bottom": f"bottom-{ratio:g}", "random": f"random-{ratio:g}-1"}
        return {does: region_files(names[kind]) for does, kind in arms[wildcards.arm].items()}

    return files


def arm_flags(wildcards, input):
    return flags(**{does: list(input[does]) for does in ("lesion", "frozen", "only") if does in input.keys()})


rule retraining:
    input:
        unpack(arm_regions(RETRAINING_ARMS, config["retraining"]["ratio"])),
        model=rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
        tests=blocks(config["retraining"]["evaluate"], "test"),
    output:
        "<results>/retraining/{language}-{arm}.csv",
    params:
        options=training_flags(
            learning_rate=config["retraining"]["learning_rate"],
            milestones=config["retraining"]["milestones"],
            evaluate=config["retraining"]["evaluate"],
            seed=config["seed"],
        ),
        regions=arm_flags,
        tokens=at("tokens"),
        checkpoints=at("checkpoints/retraining/{language}-{arm}"),
    log:
        "<logs>/retraining/{language}-{arm}.log",
    benchmark:
        "<benchmarks>/retraining/{language}-{arm}.tsv"
    threads: config["threads"]
    message:
        "Retrain on {wildcards.language}: {wildcards.arm}"
    shell:
        "python scripts/further_pretrain.py {params.options} {params.regions} --model {input.model}"
        " --tokens-folder {params.tokens} --language {wildcards.language} --arm {wildcards.arm}"
        " --checkpoints {params.checkpoints} --threads {threads} --table {output} 2>&1 | tee {log}"


rule freezing:
    input:
        unpack(arm_regions(FREEZING_ARMS, config["freezing"]["ratio"])),
        model=rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
        tests=blocks(config["languages"], "test"),
    output:
        "<results>/freezing/{language}-{arm}-{rate}-{seed}.csv",
    params:
        options=training_flags(
            milestones=config["freezing"]["milestones"],
            evaluate=config["languages"],
        ),
        regions=arm_flags,
        tokens=at("tokens"),
        checkpoints=at("checkpoints/freezing/{language}-{arm}-{rate}-{seed}"),
    log:
        "<logs>/freezing/{language}-{arm}-{rate}-{seed}.log",
    benchmark:
        "<benchmarks>/freezing/{language}-{arm}-{rate}-{seed}.tsv"
    threads: config["threads"]
    message:
        "Train on {wildcards.language}: {wildcards.arm}, learning rate {wildcards.rate}, seed {wildcards.seed}"
    shell:
        "python scripts/further_pretrain.py {params.options} {params.regions} --model {input.model}"
        " --tokens-folder {params.tokens} --language {wildcards.language} --arm {wildcards.arm}"
        " --learning-rate {wildcards.rate} --seed {wildcards.seed}"
        " --checkpoints {params.checkpoints} --threads {threads} --table {output} 2>&1 | tee {log}"
