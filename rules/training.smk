# Experiments 1 and 3: training on one language, with the core region or a control removed or frozen.


rule retraining:
    input:
        unpack(lambda wildcards: plan.arm_regions(config, "retraining", wildcards.arm, int(wildcards.seed))),
        model=rules.base_model.output,
        samples="<results>/tokens/{language}/train.parquet",
        tests=blocks(config["retraining"]["evaluate"], "test"),
    output:
        f"{plan.EVIDENCE}/retraining/{{language}}-{{arm}}-{{seed}}.parquet",
    log:
        "<logs>/retraining/{language}-{arm}-{seed}.log",
    benchmark:
        "<benchmarks>/retraining/{language}-{arm}-{seed}.tsv"
    priority: 1  # before evaluations, which may fit in memory beside a training when another training does not
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("retraining"),
        checkpoint_minutes=config["training"]["checkpoint_minutes"],
    params:
        code=programs.fingerprint("continue_pretraining"),
        options=training_flags(
            learning_rate=config["retraining"]["learning_rate"],
            milestones=config["retraining"]["milestones"],
        ),
        measured=perplexity_flags(config["retraining"]["evaluate"], "test"),
        regions=arm_flags,
        checkpoints=result_path("checkpoints/retraining/{language}-{arm}-{seed}"),
    message:
        "Retrain on {wildcards.language}: {wildcards.arm}, seed {wildcards.seed}"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/continue_pretraining.py {params.options} {params.measured}'
        " --arm {wildcards.arm} {params.regions} --seed {wildcards.seed}"
        " --model {input.model} --language {wildcards.language} --samples {input.samples}"
        " --checkpoints {params.checkpoints} --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads}"
        " --evidence {output} > {log} 2>&1"


rule freezing:
    input:
        unpack(lambda wildcards: plan.arm_regions(config, "freezing", wildcards.arm, int(wildcards.seed))),
        model=rules.base_model.output,
        samples="<results>/tokens/{language}/train.parquet",
        tests=blocks(corpora.texts(config), "test"),
        start=f"{plan.EVIDENCE}/intact.parquet",
    output:
        f"{plan.EVIDENCE}/freezing/{{language}}-{{arm}}-{{rate}}-{{seed}}.parquet",
    log:
        "<logs>/freezing/{language}-{arm}-{rate}-{seed}.log",
    benchmark:
        "<benchmarks>/freezing/{language}-{arm}-{rate}-{seed}.tsv"
    priority: 1
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("freezing"),
        checkpoint_minutes=config["training"]["checkpoint_minutes"],
    params:
        code=programs.fingerprint("continue_pretraining"),
        options=training_flags(milestones=config["freezing"]["milestones"]),
        measured=perplexity_flags(corpora.texts(config), "test"),
        regions=arm_flags,
        checkpoints=result_path("checkpoints/freezing/{language}-{arm}-{rate}-{seed}"),
    message:
        "Train on {wildcards.language}: {wildcards.arm}, learning rate {wildcards.rate}, seed {wildcards.seed}"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/continue_pretraining.py {params.options} {params.measured}'
        " --arm {wildcards.arm} {params.regions} --learning-rate {wildcards.rate} --seed {wildcards.seed}"
        " --model {input.model} --language {wildcards.language} --samples {input.samples} --start {input.start}"
        " --checkpoints {params.checkpoints} --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads}"
        " --evidence {output} > {log} 2>&1"
