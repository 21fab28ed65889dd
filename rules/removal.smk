# Experiments 1 and 2: regions set to zero, the model loaded once for many of them.


REMOVALS = plan.removals(config)


rule removal:
    input:
        model=rules.base_model.output,
        regions=lambda wildcards: plan.regions(REMOVALS[wildcards.job]),
        blocks=blocks(plan.texts(config), "test"),
    output:
        "<results>/removal/{job}.csv",
    log:
        "<logs>/removal/{job}.log",
    benchmark:
        "<benchmarks>/removal/{job}.tsv"
    wildcard_constraints:
        job="|".join(REMOVALS),
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **needs("removal"),
    params:
        code=programs.fingerprint("removal"),
        options=lambda wildcards: computing_flags(
            dtype=config["model"]["dtype"],
            texts=plan.texts(config),
            domain=config["corpora"]["domain"],
            base=wildcards.job == next(iter(REMOVALS)),
            max_blocks=config["tokens"]["test_blocks"],
        ),
        regions=lambda wildcards, input: flags(regions=list(input.regions)),
        tokens=at("tokens"),
        checkpoints=at("checkpoints/removal"),
    message:
        "Remove regions: {wildcards.job}"
    shell:
        "python scripts/launch.py --gpus {resources.gpu} --gres={resources.gres}"
        " scripts/removal.py {params.options} {params.regions}"
        " --model {input.model} --tokens-folder {params.tokens}"
        " --checkpoints {params.checkpoints}/{wildcards.job} --threads {threads} --output {output} 2>&1 | tee {log}"


rule overlap:
    input:
        lambda wildcards: plan.regions(name for names in REMOVALS.values() for name in names),
    output:
        overlap="<results>/tables/overlap.csv",
        density="<results>/tables/density.csv",
    log:
        "<logs>/overlap.log",
    benchmark:
        "<benchmarks>/overlap.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **needs("overlap"),
    params:
        code=programs.fingerprint("overlap"),
    message:
        "Compare the regions"
    shell:
        "python scripts/overlap.py --regions {input} --overlap {output.overlap} --density {output.density}"
        " 2>&1 | tee {log}"
