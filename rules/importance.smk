# Importance: further pre-training per language, and the score of every weight. A job covers `jobs.languages` languages.

for languages in plan.chunks(config["further"]["languages"], config["jobs"]["languages"]):

    rule:
        name:
            f"further_{languages.replace('+', '_')}"
        input:
            model=rules.base_model.output,
            blocks=blocks(languages.split("+"), ["train", "valid"]),
        output:
            models=intermediate(
                "further", directory(expand("<results>/models/further/{language}", language=languages.split("+")))
            ),
            table=f"<results>/further/{languages}.csv",
        log:
            f"<logs>/further/{languages}.log",
        benchmark:
            f"<benchmarks>/further/{languages}.tsv"
        conda:
            "../envs/programs.yaml"
        threads: config["threads"]
        resources:
            **needs("further"),
            checkpoint_minutes=config["training"]["checkpoint_minutes"],
        params:
            code=programs.fingerprint("further_pretrain"),
            options=training_flags(
                languages=languages.split("+"),
                learning_rates=config["further"]["learning_rate"],
                milestones=config["further"]["milestones"],
                dtype=config["model"]["dtype"],
                split="valid",
                max_blocks=config["tokens"]["valid_blocks"],
                arms="full",
                seeds=config["seed"],
            ),
            tokens=at("tokens"),
            checkpoints=at(f"checkpoints/further/{languages}"),
            output=at("models/further"),
        message:
            f"Pretrain further: {languages}"
        shell:
            "python scripts/launch.py --gpus {resources.gpu} --gres={resources.gres}"
            " scripts/further_pretrain.py {params.options}"
            " --model {input.model} --tokens-folder {params.tokens} --checkpoints {params.checkpoints}"
            " --checkpoint-minutes {resources.checkpoint_minutes} --threads {threads}"
            " --output {params.output} --table {output.table} 2>&1 | tee {log}"


for languages in plan.chunks(config["importance"]["languages"], config["jobs"]["languages"]):

    rule:
        name:
            f"importance_{languages.replace('+', '_')}"
        input:
            models=plan.scored_models(config, languages.split("+")),
            blocks=blocks(languages.split("+"), "train"),
        output:
            scores=intermediate(
                "importance",
                directory(
                    expand(
                        "<results>/importance/{language}/{samples}",
                        language=languages.split("+"),
                        samples=config["importance"]["samples"],
                    )
                ),
            ),
            stability=f"<results>/stability/{languages}.csv",
        log:
            f"<logs>/importance/{languages}.log",
        benchmark:
            f"<benchmarks>/importance/{languages}.tsv"
        conda:
            "../envs/programs.yaml"
        threads: config["threads"]
        resources:
            **needs("importance"),
            checkpoint_minutes=config["training"]["checkpoint_minutes"],
        params:
            code=programs.fingerprint("importance"),
            options=literal(importance_flags(languages.split("+"))),
            model=at("models/further/{{language}}" if config["importance"]["at"] == "further" else "models/base"),
            tokens=at("tokens"),
            checkpoints=at(f"checkpoints/importance/{languages}"),
            output=at("importance"),
        message:
            f"Score the weights' importance: {languages}"
        shell:
            "python scripts/launch.py --gpus {resources.gpu} --gres={resources.gres}"
            " scripts/importance.py {params.options} --model {params.model:q}"
            " --tokens-folder {params.tokens} --checkpoints {params.checkpoints} --threads {threads}"
            " --checkpoint-minutes {resources.checkpoint_minutes}"
            " --output {params.output} --stability {output.stability} 2>&1 | tee {log}"
