# Experiments 1 and 2: regions set to zero, the model loaded once for many of them.


def removal_batches():
    """For each job the names of the regions that it removes; experiments are not mixed, so that an edit reruns one."""
    asked = {
        "core": recipes.core(config) if "removal" in config["experiments"] else {},
        "monolingual": recipes.measured(recipes.monolingual(config)) if "monolingual" in config["experiments"] else {},
        "declared": config["removal"]["regions"],
    }
    size = config["removal"]["regions_per_job"]
    batches = {}
    for family, names in asked.items():
        names = list(names)
        batches |= {f"{family}-{start // size + 1}": names[start : start + size] for start in range(0, len(names), size)}
    return batches or {"base-1": []}


BATCHES = removal_batches()


rule removal:
    input:
        model=rules.base_model.output,
        regions=lambda wildcards: region_files(BATCHES[wildcards.batch]),
        blocks=blocks(config["languages"], "test"),
    output:
        "<results>/removal/{batch}.csv",
    params:
        options=lambda wildcards: flags(
            languages=config["languages"], base=wildcards.batch == next(iter(BATCHES)), **computing(config)
        ),
        regions=lambda wildcards, input: flags(regions=list(input.regions)),
        tokens=at("tokens"),
    wildcard_constraints:
        batch="|".join(BATCHES),
    log:
        "<logs>/removal/{batch}.log",
    benchmark:
        "<benchmarks>/removal/{batch}.tsv"
    threads: config["threads"]
    message:
        "Remove regions: {wildcards.batch}"
    shell:
        "python scripts/removal.py {params.options} {params.regions} --model {input.model}"
        " --tokens-folder {params.tokens} --threads {threads} --output {output} 2>&1 | tee {log}"


rule overlap:
    input:
        lambda wildcards: region_files(region for batch in BATCHES.values() for region in batch),
    output:
        overlap="<results>/tables/overlap.csv",
        density="<results>/tables/density.csv",
    log:
        "<logs>/overlap.log",
    benchmark:
        "<benchmarks>/overlap.tsv"
    message:
        "Compare the regions"
    shell:
        "python scripts/overlap.py --regions {input} --overlap {output.overlap} --density {output.density} 2>&1 | tee {log}"
