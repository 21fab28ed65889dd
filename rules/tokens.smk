# Tokens: the tokenizer, and blocks of token ids.

if config["model"]["pretrained"]:

    rule tokenizer:
        input:
            "<results>/models/base",
        output:
            directory("<results>/models/tokenizer"),
        log:
            "<logs>/tokenizer.log",
        benchmark:
            "<benchmarks>/tokenizer.tsv"
        conda:
            "../envs/programs.yaml"
        resources:
            **estimated_resources("tokenizer"),
        params:
            code=programs.fingerprint("tokenizer"),
            options=flags(**TRUST_OPTION),
        message:
            "Copy the model's tokenizer"
        shell:
            'python "$PROGRAMS"/tokenizer.py {params.options} --model {input} --output {output} > {log} 2>&1'

else:

    rule tokenizer:
        input:
            corpora=expand("<results>/corpora/{language}/train.parquet", language=sorted(config["languages"])),
        output:
            directory("<results>/models/tokenizer"),
        log:
            "<logs>/tokenizer.log",
        benchmark:
            "<benchmarks>/tokenizer.tsv"
        conda:
            "../envs/programs.yaml"
        threads: 2
        resources:
            **estimated_resources("tokenizer"),
        params:
            code=programs.fingerprint("tokenizer"),
            options=flags(size=config["model"]["scratch"]["vocabulary"]),
        message:
            "Train a tokenizer"
        shell:
            'RAYON_NUM_THREADS={threads} python "$PROGRAMS"/tokenizer.py {params.options}'
            " --corpora {input.corpora} --output {output} > {log} 2>&1"


rule blocks:
    input:
        corpus=rules.corpus.output.splits,
        tokenizer=rules.tokenizer.output,
    output:
        train="<results>/tokens/{text}/train.parquet",
        valid="<results>/tokens/{text}/valid.parquet",
        test="<results>/tokens/{text}/test.parquet",
    log:
        "<logs>/blocks/{text}.log",
    benchmark:
        "<benchmarks>/blocks/{text}.tsv"
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("blocks"),
    params:
        code=programs.fingerprint("blocks"),
        options=flags(
            **{key: config["tokens"][key] for key in ("block_size", "bos", "train_blocks")}, seed=config["seed"]
        ),
        corpus=result_path("corpora/{text}"),
        output=result_path("tokens/{text}"),
    message:
        "Cut text into blocks: {wildcards.text}"
    shell:
        'RAYON_NUM_THREADS={threads} python "$PROGRAMS"/blocks.py {params.options} --corpus {params.corpus}'
        " --tokenizer {input.tokenizer} --output {params.output} > {log} 2>&1"


# No rule needs this output; otherwise an edit of the required numbers would pretrain the base model again.
rule samples:
    input:
        blocks(sorted(config["languages"]), ["train", "valid", "test"]),
    output:
        "<results>/tokens/samples.csv",
    log:
        "<logs>/samples.log",
    benchmark:
        "<benchmarks>/samples.tsv"
    priority: 1  # before the expensive rules
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("samples"),
    params:
        code=programs.fingerprint("samples"),
        languages=flags(languages=sorted(config["languages"])),
        required=constant(flags(required_json=json.dumps(plan.required_samples(config)))),
        tokens=result_path("tokens"),
    message:
        "Check that there are enough samples"
    shell:
        'python "$PROGRAMS"/samples.py {params.languages} {params.required} --tokens-folder {params.tokens} --output {output}'
        " > {log} 2>&1"
