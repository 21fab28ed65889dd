# Regions: built by recipe, if they are needed.

REGIONS = catalog.declared(config)


rule outliers:
    input:
        model=rules.base_model.output,
        samples=blocks(config["importance"]["languages"], "train"),
    output:
        table=report("<results>/tables/outliers.csv", caption="../report/outliers.rst", category="Tables"),
        outliers="<results>/outliers.json",
    log:
        "<logs>/outliers.log",
    benchmark:
        "<benchmarks>/outliers.tsv"
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("outliers"),
    params:
        code=programs.fingerprint("outliers"),
        options=model_flags(
            dtype=config["model"]["dtype"],
            languages=config["importance"]["languages"],
            blocks=config["controls"]["blocks"],
        ),
    message:
        "Look for outliers"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/outliers.py {params.options} --model {input.model} --samples {input.samples}'
        " --table {output.table} --output {output.outliers} --threads {threads} > {log} 2>&1"


rule region:
    input:
        scores=lambda wildcards: plan.score_folders(REGIONS[wildcards.region]),
        minus=lambda wildcards: plan.score_folders(REGIONS[wildcards.region], "minus"),
        outliers=lambda wildcards: plan.outlier_files(REGIONS[wildcards.region]),
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
    priority: 2  # takes a second, and what waits for it minutes
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("region"),
    params:
        code=programs.fingerprint("region"),
        recipe=lambda wildcards: flags(**recipes.settings(REGIONS[wildcards.region])),
        inputs=lambda wildcards, input: flags(**{name: list(files) for name, files in input.items()}),
        origin=lambda wildcards: origin_flags(REGIONS[wildcards.region]),
    message:
        "Build the region {wildcards.region}"
    shell:
        'python "$PROGRAMS"/region.py build {params.recipe} {params.inputs} {params.origin}'
        " --output {output} --threads {threads} > {log} 2>&1"


rule overlap:
    input:
        plan.region_files(plan.compared_regions(config)),
    output:
        overlap=report("<results>/tables/overlap.csv", caption="../report/overlap.rst", category="Tables"),
        density=report("<results>/tables/density.csv", caption="../report/overlap.rst", category="Tables"),
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
        " > {log} 2>&1"
