# Text: documents of each language, split by the hash of their content. A text is named by the code of its language, or
# language/domain if it is of a further domain.


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
        **estimated_resources("package"),
    params:
        code=programs.fingerprint("fetch_package"),
    message:
        "Download the Debian package {wildcards.package}"
    shell:
        'python "$PROGRAMS"/fetch_package.py --package {wildcards.package} --output {output} > {log} 2>&1'


rule corpus:
    input:
        packages=lambda wildcards: expand(
            "<results>/corpora/packages/{package}", package=corpora.packages(config, wildcards.text)
        ),
        files=lambda wildcards: input_files(corpora.corpus_files(config, wildcards.text)),
        training_files=lambda wildcards: [
            f"<results>/corpora/{language}/train.parquet" for language in corpora.training_text(wildcards.text)
        ],
    output:
        splits=expand("<results>/corpora/{{text}}/{split}.parquet", split=["train", "valid", "test"]),
        manifest="<results>/corpora/{text}/manifest.json",
    log:
        "<logs>/corpus/{text}.log",
    benchmark:
        "<benchmarks>/corpus/{text}.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("corpus"),
    params:
        code=programs.fingerprint("corpus"),
        language=lambda wildcards: corpora.language_row(wildcards.text),
        files=lambda wildcards: corpora.file_stamps(corpora.corpus_files(config, wildcards.text)),
        options=lambda wildcards: flags(**corpora.corpus_options(config, wildcards.text)),
        inputs=lambda wildcards, input: flags(packages=list(input.packages), training_files=list(input.training_files)),
        output=result_path("corpora/{text}"),
    message:
        "Gather text: {wildcards.text}"
    shell:
        'python "$PROGRAMS"/corpus.py {params.options} {params.inputs} --output {params.output} > {log} 2>&1'
