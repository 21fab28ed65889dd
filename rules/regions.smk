# Regions: built by recipe, if they are needed.

REGIONS = catalog.declared(config)


rule region:
    input:
        scores=lambda wildcards: plan.score_folders(REGIONS[wildcards.region]),
        like=lambda wildcards: plan.region_files(recipes.like(REGIONS[wildcards.region])),
        of=lambda wildcards: plan.region_files(recipes.operands(REGIONS[wildcards.region])),
    output:
        "<results>/regions/{region}.safetensors",
    log:
        "<logs>/region/{region}.log",
    benchmark:
        "<benchmarks>/region/{region}.tsv"
    wildcard_constraints:
        region="|".join(map(re.escape, REGIONS)),
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("region"),
    params:
        code=programs.fingerprint("region"),
        recipe=lambda wildcards: flags(**recipes.settings(REGIONS[wildcards.region])),
        inputs=lambda wildcards, input: flags(**{name: list(files) for name, files in input.items()}),
        origin=constant(ORIGIN_FLAGS),
    message:
        "Build the region {wildcards.region}"
    shell:
        'python "$PROGRAMS"/region.py build {params.recipe} {params.inputs} {params.origin}'
        " --output {output} --threads {threads} 2>&1 | tee {log}"


rule overlap:
    input:
        plan.region_files(plan.removed_regions(config)),
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
        **estimated_resources("overlap"),
    params:
        code=programs.fingerprint("overlap"),
    message:
        "Compare the regions"
    shell:
        'python "$PROGRAMS"/overlap.py --regions {input} --overlap {output.overlap} --density {output.density}'
        " 2>&1 | tee {log}"
