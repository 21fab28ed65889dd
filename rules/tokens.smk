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
            **needs("tokenizer"),
        params:
            code=programs.fingerprint("tokenizer"),
            options=flags(**TRUST),
        message:
            "Take the model's tokenizer"
        shell:
            'python "$PROGRAMS"/tokenizer.py {params.options} --model {input} --output {output} 2>&1 | tee {log}'

else:

    rule tokenizer:
        input:
            corpora=expand("<results>/corpora/{language}/train.parquet", language=config["languages"]),
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
            **needs("tokenizer"),
        params:
            code=programs.fingerprint("tokenizer"),
            options=flags(size=config["model"]["scratch"]["vocabulary"]),
        message:
            "Train a tokenizer"
        shell:
            'RAYON_NUM_THREADS={threads} python "$PROGRAMS"/tokenizer.py {params.options}'
            " --corpora {input.corpora} --output {output} 2>&1 | tee {log}"


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
        **needs("blocks"),
    params:
        code=programs.fingerprint("blocks"),
        options=flags(
            **{key: config["tokens"][key] for key in ("block_size", "bos", "train_blocks")}, seed=config["seed"]
        ),
        corpus=at("corpora/{text}"),
        output=at("tokens/{text}"),
    message:
        "Cut text into blocks: {wildcards.text}"
    shell:
        'RAYON_NUM_THREADS={threads} python "$PROGRAMS"/blocks.py {params.options} --corpus {params.corpus}'
        " --tokenizer {input.tokenizer} --output {params.output} 2>&1 | tee {log}"


# No step needs this one's output: an edit of what is asked for would make Snakemake train the base model again.
rule samples:
    input:
        blocks(config["languages"], ["train", "valid", "test"]),
    output:
        "<results>/tokens/samples.csv",
    log:
        "<logs>/samples.log",
    benchmark:
        "<benchmarks>/samples.tsv"
    priority: 1  # before the steps that take long
    conda:
        "../envs/programs.yaml"
    resources:
        **needs("samples"),
    params:
        code=programs.fingerprint("samples"),
        languages=flags(languages=config["languages"]),
        wanted=literal(flags(wanted_json=json.dumps(plan.wanted_samples(config)))),
        tokens=at("tokens"),
    message:
        "See that there is text enough"
    shell:
        'python "$PROGRAMS"/samples.py {params.languages} {params.wanted} --tokens-folder {params.tokens} --output {output}'
        " 2>&1 | tee {log}"
