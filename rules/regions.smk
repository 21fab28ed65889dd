# Regions: built from importance by recipe, and only where something asks for them.

REGIONS = catalog.declared(config)


rule core_regions:
    input:
        scores=lambda wildcards: plan.scores(plan.core_cut(config, wildcards.cut)),
    output:
        expand("<results>/regions/{kind}-{{cut}}.safetensors", kind=["top", "bottom"]),
    log:
        "<logs>/regions/core-{cut}.log",
    benchmark:
        "<benchmarks>/regions/core-{cut}.tsv"
    wildcard_constraints:
        cut="[0-9.]+(e-[0-9]+)?(-model)?",
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **needs("core_regions"),
    params:
        code=programs.fingerprint("region"),
        options=lambda wildcards: region_flags(plan.core_cut(config, wildcards.cut)),
        importance=at("importance"),
        output=at("regions"),
    message:
        "Cut the core region: {wildcards.cut}"
    shell:
        "python scripts/region.py build {params.options} --importance {params.importance}"
        " --output {params.output} --threads {threads} 2>&1 | tee {log}"


# A region's name does not hold the ratio: an edit of it must find the same outputs, else Snakemake sees files that
# nobody made before and nobody asks for, and reruns nothing.
rule monolingual_regions:
    input:
        scores=plan.scores(catalog.monolingual(config)),
    output:
        plan.regions(catalog.monolingual(config)),
    log:
        "<logs>/regions/monolingual.log",
    benchmark:
        "<benchmarks>/regions/monolingual.tsv"
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **needs("monolingual_regions"),
    params:
        code=programs.fingerprint("region"),
        options=literal(region_flags(catalog.monolingual(config))),
        importance=at("importance"),
        output=at("regions"),
    message:
        "Cut the monolingual regions"
    shell:
        "python scripts/region.py build {params.options} --importance {params.importance}"
        " --output {params.output} --threads {threads} 2>&1 | tee {log}"


rule region:
    input:
        regions=lambda wildcards: plan.regions(recipes.ingredients(REGIONS[wildcards.region])),
        scores=lambda wildcards: plan.scores({wildcards.region: REGIONS[wildcards.region]}),
    output:
        "<results>/regions/{region}.safetensors",
    log:
        "<logs>/regions/{region}.log",
    benchmark:
        "<benchmarks>/regions/{region}.tsv"
    wildcard_constraints:
        region="|".join(["random-[0-9].*", *map(re.escape, config["regions"])]),
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **needs("region"),
    params:
        code=programs.fingerprint("region"),
        options=lambda wildcards: region_flags({wildcards.region: REGIONS[wildcards.region]}),
        importance=at("importance"),
        output=at("regions"),
    message:
        "Build the region {wildcards.region}"
    shell:
        "python scripts/region.py build {params.options} --importance {params.importance}"
        " --output {params.output} --threads {threads} 2>&1 | tee {log}"
