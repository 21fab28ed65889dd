# Importance: further pre-training per language, and the score of every weight.


rule further:
    input:
        model=rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
        valid="<results>/tokens/{language}/valid.parquet",
    output:
        model=directory("<results>/models/further/{language}"),
        table="<results>/further/{language}.csv",
    log:
        "<logs>/further/{language}.log",
    benchmark:
        "<benchmarks>/further/{language}.tsv"
    threads: config["threads"]
    params:
        options=training_flags(
            learning_rate=config["further"]["learning_rate"],
            milestones=config["further"]["milestones"],
            split="valid",
            arm="further",
            seed=config["seed"],
        ),
        tokens=at("tokens"),
        checkpoints=at("checkpoints/further/{language}"),
    message:
        "Pretrain further: {wildcards.language}"
    shell:
        "python scripts/further_pretrain.py {params.options} --model {input.model} --tokens-folder {params.tokens}"
        " --language {wildcards.language} --evaluate {wildcards.language} --checkpoints {params.checkpoints}"
        " --threads {threads} --output {output.model} --table {output.table} 2>&1 | tee {log}"


rule importance:
    input:
        model=rules.further.output.model if config["importance"]["at"] == "further" else rules.base_model.output,
        blocks="<results>/tokens/{language}/train.parquet",
    output:
        directory(expand("<results>/importance/{{language}}/{samples}", samples=config["importance"]["samples"])),
    log:
        "<logs>/importance/{language}.log",
    benchmark:
        "<benchmarks>/importance/{language}.tsv"
    threads: config["threads"]
    params:
        options=flags(
            milestones=config["importance"]["samples"],
            estimator=config["importance"]["estimator"],
            micro_batch=config["importance"]["micro_batch"],
            precision=config["precision"],
            include=config["model"]["include"],
            exclude=config["model"]["exclude"],
        ),
        output=at("importance/{language}"),
    message:
        "Score the weights' importance: {wildcards.language}"
    shell:
        "python scripts/importance.py {params.options} --model {input.model} --blocks {input.blocks}"
        " --threads {threads} --output {params.output} 2>&1 | tee {log}"
