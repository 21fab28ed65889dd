# The base model: from the hub, a folder, a GGUF file or a wheel, or pretrained here.

if config["model"]["pretrained"]:

    rule base_model:
        input:
            input_files(plan.model_files(config)),
        output:
            directory("<results>/models/base"),
        log:
            "<logs>/base_model.log",
        benchmark:
            "<benchmarks>/base_model.tsv"
        conda:
            "../envs/programs.yaml"
        resources:
            **estimated_resources("base_model"),
        params:
            code=programs.fingerprint("fetch_model"),
            files=constant(corpora.file_stamps(plan.model_files(config))),
            options=flags(model=config["model"]["pretrained"], revision=config["model"]["revision"], **TRUST_OPTION),
            checkpoints=result_path("checkpoints/base_model"),
        message:
            "Fetch the base model"
        shell:
            'python "$PROGRAMS"/fetch_model.py {params.options} --checkpoints {params.checkpoints} --output {output}'
            " > {log} 2>&1"

else:

    rule base_model:
        input:
            tokenizer=rules.tokenizer.output,
            blocks=blocks(sorted(config["languages"]), ["train", "valid"]),
        output:
            directory("<results>/models/base"),
        log:
            "<logs>/base_model.log",
        benchmark:
            "<benchmarks>/base_model.tsv"
        conda:
            "../envs/programs.yaml"
        threads: config["model"]["scratch"]["threads"]
        resources:
            **estimated_resources("base_model"),
            checkpoint_minutes=config["training"]["checkpoint_minutes"],
        params:
            code=programs.fingerprint("pretrain"),
            options=model_flags(
                **{
                    key: value
                    for key, value in config["model"]["scratch"].items()
                    if key not in ("vocabulary", "threads")
                },
                languages=sorted(config["languages"]),
                seed=config["seed"],
            ),
            tokens=result_path("tokens"),
            checkpoints=result_path("checkpoints/base_model"),
        message:
            "Pretrain the base model"
        shell:
            'python "$PROGRAMS"/pretrain.py {params.options} --tokens-folder {params.tokens} --tokenizer {input.tokenizer}'
            " --checkpoints {params.checkpoints} --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads}"
            " --output {output} > {log} 2>&1"
