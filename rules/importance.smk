# Importance: continued pre-training per language, scores of all weights, and how well they predict the loss.


rule further:
    input:
        model=rules.base_model.output,
        samples="<results>/tokens/{language}/train.parquet",
        tests="<results>/tokens/{language}/valid.parquet",
    output:
        model=intermediate("further", directory("<results>/models/further/{language}")),
        evidence=f"{plan.EVIDENCE}/further/{{language}}.parquet",
    log:
        "<logs>/further/{language}.log",
    benchmark:
        "<benchmarks>/further/{language}.tsv"
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("further"),
        checkpoint_minutes=config["training"]["checkpoint_minutes"],
    params:
        code=programs.fingerprint("continue_pretraining"),
        options=training_flags(
            learning_rate=config["further"]["learning_rate"],
            milestones=config["further"]["milestones"],
            dtype=config["model"]["dtype"],
            seed=config["seed"],
        ),
        measured=lambda wildcards: perplexity_flags([wildcards.language], "valid"),
        checkpoints=result_path("checkpoints/further/{language}"),
    message:
        "Continue pre-training: {wildcards.language}"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/continue_pretraining.py {params.options} {params.measured}'
        " --model {input.model} --language {wildcards.language} --samples {input.samples}"
        " --checkpoints {params.checkpoints} --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads}"
        " --evidence {output.evidence} --output {output.model} > {log} 2>&1"


rule importance:
    input:
        model=lambda wildcards: plan.scored_model(config, wildcards.language),
        samples="<results>/tokens/{language}/train.parquet",
    output:
        scores=intermediate(
            "importance",
            directory(
                expand(
                    "<results>/importance/{estimator}/{language}/{samples}",
                    samples=config["importance"]["samples"],
                    allow_missing=True,
                )
            ),
        ),
        stability="<results>/stability/{estimator}/{language}.csv",
    log:
        "<logs>/importance/{estimator}/{language}.log",
    benchmark:
        "<benchmarks>/importance/{estimator}/{language}.tsv"
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("importance"),
        checkpoint_minutes=config["training"]["checkpoint_minutes"],
    params:
        code=programs.fingerprint("score"),
        options=lambda wildcards: importance_flags(wildcards.estimator),
        checkpoints=result_path("checkpoints/importance/{estimator}/{language}"),
        output=result_path("importance/{estimator}/{language}"),
    message:
        "Score the weights: {wildcards.estimator}, {wildcards.language}"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/score.py {params.options} --estimator {wildcards.estimator} --language {wildcards.language}'
        " --model {input.model} --samples {input.samples} --checkpoints {params.checkpoints}"
        " --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads}"
        " --output {params.output} --stability {output.stability} > {log} 2>&1"


rule fidelity:
    input:
        model=lambda wildcards: plan.scored_model(config, wildcards.language),
        samples="<results>/tokens/{language}/train.parquet",
    output:
        "<results>/fidelity/{language}.csv",
    log:
        "<logs>/fidelity/{language}.log",
    benchmark:
        "<benchmarks>/fidelity/{language}.tsv"
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("fidelity"),
    params:
        code=programs.fingerprint("fidelity"),
        options=model_flags(
            blocks=config["fidelity"]["samples"],
            weights=config["fidelity"]["weights"],
            seed=config["seed"],
            **{key: config["model"][key] for key in ("dtype", "include", "exclude")},
        ),
    message:
        "Compare scores with the exact change of the loss: {wildcards.language}"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/fidelity.py {params.options} --language {wildcards.language} --model {input.model}'
        " --samples {input.samples} --output {output} --threads {threads} > {log} 2>&1"
