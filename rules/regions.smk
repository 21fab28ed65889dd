# Regions: built from importance by recipe, and only where something asks for them.


def region_files(names):
    return expand("<results>/regions/{region}.safetensors", region=names)


def scores_of(made):
    """The folders of importance scores that recipes rank by."""
    folders = {folder for recipe in made.values() for folder in recipe.get("scores", [])}
    return expand("<results>/importance/{folder}", folder=sorted(folders))


def build_flags(made):
    return flags(recipes_json=json.dumps(made), model=config["model"]["hub"] or "scratch", revision=config["model"]["revision"])


def cut_recipes(wildcards):
    """The core at one ratio and scope, and its controls; {cut} is such as 0.03 or 0.03-model."""
    ratio, _, scope = wildcards.cut.partition("-")
    return recipes.core_at(config, float(ratio), scope or "tensor", config["removal"]["replicates"])


def declared_recipe(wildcards):
    return {wildcards.region: config["regions"][wildcards.region]}


rule core_regions:
    input:
        scores=lambda wildcards: scores_of(cut_recipes(wildcards)),
    output:
        controlled=expand("<results>/regions/{kind}-{{cut}}.safetensors", kind=["top", "bottom"]),
        random=expand(
            "<results>/regions/random-{{cut}}-{replicate}.safetensors",
            replicate=range(1, config["removal"]["replicates"] + 1),
        ),
    params:
        options=lambda wildcards: build_flags(cut_recipes(wildcards)),
        importance=at("importance"),
        output=at("regions"),
    wildcard_constraints:
        cut="[0-9.]+(e-[0-9]+)?(-model)?",
    log:
        "<logs>/regions/core-{cut}.log",
    benchmark:
        "<benchmarks>/regions/core-{cut}.tsv"
    message:
        "Cut the core region: {wildcards.cut}"
    shell:
        "python scripts/region.py build {params.options} --importance {params.importance}"
        " --output {params.output} 2>&1 | tee {log}"


rule monolingual_regions:
    input:
        scores=scores_of(recipes.monolingual(config)),
    output:
        region_files(recipes.monolingual(config)),
    params:
        options=build_flags(recipes.monolingual(config)),
        importance=at("importance"),
        output=at("regions"),
    log:
        "<logs>/regions/monolingual.log",
    benchmark:
        "<benchmarks>/regions/monolingual.tsv"
    message:
        "Cut the monolingual regions"
    shell:
        "python scripts/region.py build {params.options} --importance {params.importance}"
        " --output {params.output} 2>&1 | tee {log}"


rule declared_region:
    input:
        regions=lambda wildcards: region_files(recipes.ingredients(config["regions"][wildcards.region])),
        scores=lambda wildcards: scores_of(declared_recipe(wildcards)),
    output:
        "<results>/regions/{region}.safetensors",
    params:
        options=lambda wildcards: build_flags(declared_recipe(wildcards)),
        importance=at("importance"),
        output=at("regions"),
    wildcard_constraints:
        region="|".join(config["regions"]) or "(?!)",
    log:
        "<logs>/regions/{region}.log",
    benchmark:
        "<benchmarks>/regions/{region}.tsv"
    message:
        "Build the region {wildcards.region}"
    shell:
        "python scripts/region.py build {params.options} --importance {params.importance}"
        " --output {params.output} 2>&1 | tee {log}"
