# Experiments 1 and 3: training on one language with the core removed or frozen, and with controls. A job covers
# `jobs.arms` arms, whose names are joined by "+".


rule retraining:
    input:
        unpack(lambda wildcards: plan.arm_regions(wildcards.arms, config["retraining"]["ratio"])),
        model=rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
        tests=blocks(config["retraining"]["evaluate"], "test"),
    output:
        "<results>/retraining/{language}-{arms}.csv",
    log:
        "<logs>/retraining/{language}-{arms}.log",
    benchmark:
        "<benchmarks>/retraining/{language}-{arms}.tsv"
    priority: 1  # before removal: a machine's memory may hold one training, but a removal beside it
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **needs("retraining"),
        checkpoint_minutes=config["training"]["checkpoint_minutes"],
    params:
        code=programs.fingerprint("further_pretrain"),
        options=training_flags(
            learning_rates=config["retraining"]["learning_rate"],
            milestones=config["retraining"]["milestones"],
            evaluate=config["retraining"]["evaluate"],
            max_blocks=config["tokens"]["test_blocks"],
            seeds=config["seed"],
        ),
        arms=arm_flags,
        tokens=at("tokens"),
        checkpoints=at("checkpoints/retraining"),
    message:
        "Retrain on {wildcards.language}: {wildcards.arms}"
    shell:
        "python scripts/launch.py --gpus {resources.gpu} --gres={resources.gres}"
        " scripts/further_pretrain.py {params.options} {params.arms}"
        " --model {input.model} --tokens-folder {params.tokens} --languages {wildcards.language}"
        " --checkpoints {params.checkpoints}/{wildcards.language}-{wildcards.arms}"
        " --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads} --table {output} 2>&1 | tee {log}"


rule freezing:
    input:
        unpack(lambda wildcards: plan.arm_regions(wildcards.arms, config["freezing"]["ratio"])),
        model=rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
        tests=blocks(plan.texts(config), "test"),
    output:
        "<results>/freezing/{language}-{arms}-{rate}-{seed}.csv",
    log:
        "<logs>/freezing/{language}-{arms}-{rate}-{seed}.log",
    benchmark:
        "<benchmarks>/freezing/{language}-{arms}-{rate}-{seed}.tsv"
    priority: 1
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **needs("freezing"),
        checkpoint_minutes=config["training"]["checkpoint_minutes"],
    params:
        code=programs.fingerprint("further_pretrain"),
        options=training_flags(
            milestones=config["freezing"]["milestones"],
            evaluate=plan.texts(config),
            max_blocks=config["tokens"]["test_blocks"],
        ),
        arms=arm_flags,
        tokens=at("tokens"),
        checkpoints=at("checkpoints/freezing"),
    message:
        "Train on {wildcards.language}: {wildcards.arms}, learning rate {wildcards.rate}, seed {wildcards.seed}"
    shell:
        "python scripts/launch.py --gpus {resources.gpu} --gres={resources.gres}"
        " scripts/further_pretrain.py {params.options} {params.arms}"
        " --model {input.model} --tokens-folder {params.tokens} --languages {wildcards.language}"
        " --learning-rates {wildcards.rate} --seeds {wildcards.seed}"
        " --checkpoints {params.checkpoints}/{wildcards.language}-{wildcards.arms}-{wildcards.rate}-{wildcards.seed}"
        " --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads} --table {output} 2>&1 | tee {log}"
