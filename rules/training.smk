# Experiments 1 and 3: training on one language with the core removed or frozen, and with controls.


rule retraining:
    input:
        unpack(lambda wildcards: plan.arm(plan.RETRAINING_ARMS[wildcards.arm], config["retraining"]["ratio"])),
        model=rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
        tests=blocks(config["retraining"]["evaluate"], "test"),
    output:
        "<results>/retraining/{language}-{arm}.csv",
    log:
        "<logs>/retraining/{language}-{arm}.log",
    benchmark:
        "<benchmarks>/retraining/{language}-{arm}.tsv"
    threads: config["threads"]
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
    message:
        "Retrain on {wildcards.language}: {wildcards.arm}"
    shell:
        "python scripts/further_pretrain.py {params.options} {params.regions} --model {input.model}"
        " --tokens-folder {params.tokens} --language {wildcards.language} --arm {wildcards.arm}"
        " --checkpoints {params.checkpoints} --threads {threads} --table {output} 2>&1 | tee {log}"


rule freezing:
    input:
        unpack(lambda wildcards: plan.arm(plan.FREEZING_ARMS[wildcards.arm], config["freezing"]["ratio"])),
        model=rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
        tests=blocks(config["languages"], "test"),
    output:
        "<results>/freezing/{language}-{arm}-{rate}-{seed}.csv",
    log:
        "<logs>/freezing/{language}-{arm}-{rate}-{seed}.log",
    benchmark:
        "<benchmarks>/freezing/{language}-{arm}-{rate}-{seed}.tsv"
    threads: config["threads"]
    params:
        options=training_flags(
            milestones=config["freezing"]["milestones"],
            evaluate=config["languages"],
        ),
        regions=arm_flags,
        tokens=at("tokens"),
        checkpoints=at("checkpoints/freezing/{language}-{arm}-{rate}-{seed}"),
    message:
        "Train on {wildcards.language}: {wildcards.arm}, learning rate {wildcards.rate}, seed {wildcards.seed}"
    shell:
        "python scripts/further_pretrain.py {params.options} {params.regions} --model {input.model}"
        " --tokens-folder {params.tokens} --language {wildcards.language} --arm {wildcards.arm}"
        " --learning-rate {wildcards.rate} --seed {wildcards.seed}"
        " --checkpoints {params.checkpoints} --threads {threads} --table {output} 2>&1 | tee {log}"
