# Probes of grammatical knowledge: minimal pairs of sentences.


rule pairs:
    input:
        tokenizer=rules.tokenizer.output,
        test=lambda wildcards: (
            f"<results>/corpora/{wildcards.language}/test.parquet"
            if "corruptions" in pairs.sources(config, wildcards.language)
            else []
        ),
        files=lambda wildcards: input_files(pairs.files(config, wildcards.language)),
    output:
        "<results>/pairs/{language}.parquet",
    log:
        "<logs>/pairs/{language}.log",
    benchmark:
        "<benchmarks>/pairs/{language}.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("pairs"),
    params:
        code=programs.fingerprint("pairs"),
        language=lambda wildcards: corpora.language_row(wildcards.language),
        resources=lambda wildcards: programs.resources_fingerprint(f"minimal_pairs/{wildcards.language}.yaml"),
        files=lambda wildcards: corpora.file_stamps(pairs.files(config, wildcards.language)),
        options=lambda wildcards: flags(**pairs.options(config, wildcards.language)),
        # Apart, because an edit of params that follow from the input reruns nothing.
        test=lambda wildcards, input: flags(test=input.get("test")),
    message:
        "Gather minimal pairs: {wildcards.language}"
    shell:
        'python "$PROGRAMS"/pairs.py {params.options} {params.test} --tokenizer {input.tokenizer} --output {output} > {log} 2>&1'
