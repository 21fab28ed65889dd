# Text: documents of each language, split by the hash of their content.


rule package:
    output:
        intermediate("packages", directory("<results>/corpora/packages/{package}")),
    log:
        "<logs>/package/{package}.log",
    benchmark:
        "<benchmarks>/package/{package}.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **needs("package"),
    params:
        code=programs.digest("fetch_package"),
    message:
        "Download the Debian package {wildcards.package}"
    shell:
        "python scripts/fetch_package.py --package {wildcards.package} --output {output} 2>&1 | tee {log}"


rule corpus:
    input:
        packages=lambda wildcards: expand(
            "<results>/corpora/packages/{package}", package=plan.packages(config, wildcards.language)
        ),
        files=lambda wildcards: watched(plan.corpus_files(config, wildcards.language)),
    output:
        splits=expand("<results>/corpora/{{language}}/{split}.parquet", split=["train", "valid", "test"]),
        manifest="<results>/corpora/{language}/manifest.json",
    log:
        "<logs>/corpus/{language}.log",
    benchmark:
        "<benchmarks>/corpus/{language}.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **needs("corpus"),
    params:
        code=programs.digest("corpus"),
        language=lambda wildcards: plan.known_of(wildcards.language),
        files=lambda wildcards: plan.stamps(plan.corpus_files(config, wildcards.language)),
        options=lambda wildcards: flags(**plan.corpus_options(config, wildcards.language)),
        packages=lambda wildcards, input: flags(packages=list(input.packages)),
        output=at("corpora/{language}"),
    message:
        "Gather text: {wildcards.language}"
    shell:
        "python scripts/corpus.py {params.options} {params.packages} --output {params.output} 2>&1 | tee {log}"
