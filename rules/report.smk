# Tables, figures, provenance and the report.


rule settings:
    output:
        "<results>/config.json",
    log:
        "<logs>/settings.log",
    benchmark:
        "<benchmarks>/settings.tsv"
    resources:
        **estimated_resources("settings"),
    params:
        config=lambda wildcards: json.dumps(config, indent=2),
    message:
        "Record the config"
    shell:
        "printf '%s\\n' {params.config:q} > {output} 2> {log}"


rule tables:
    input:
        **plan.evidence(config),
        stability=plan.stability(config),
        fidelity=plan.fidelity(config),
        outliers=plan.outliers(config),
    output:
        report(plan.tables(config), caption="../report/tables.rst", category="Tables"),
    log:
        "<logs>/tables.log",
    benchmark:
        "<benchmarks>/tables.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("tables"),
    params:
        code=programs.fingerprint("tables"),
        resources=programs.resources_fingerprint("languages.tsv", "paper/*.csv"),
        evidence=lambda wildcards, input: flags(**{name: list(input[name]) for name in input.keys()}),
        options=flags(languages=config["languages"], domains=corpora.domains(config)),
        model=constant(MODEL_NAME),
        output=result_path("tables"),
    message:
        "Make the tables"
    shell:
        'python "$PROGRAMS"/tables.py {params.evidence} {params.options} {params.model} --output {params.output} > {log} 2>&1'


rule kinship:
    input:
        tables=rules.tables.output,
        regions=plan.region_files(plan.compared_tops(config).values()),
    output:
        tests=report("<results>/tables/kinship.csv", caption="../report/kinship.rst", category="Tables"),
        pairs=report("<results>/tables/kinship_pairs.csv", caption="../report/kinship.rst", category="Tables"),
    log:
        "<logs>/kinship.log",
    benchmark:
        "<benchmarks>/kinship.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("kinship"),
    params:
        code=programs.fingerprint("kinship"),
        resources=programs.resources_fingerprint("languages.tsv", "lineages.tsv"),
        languages=flags(languages=list(plan.compared_tops(config))),
        regions=lambda wildcards, input: flags(regions=list(input.regions)),
        removal=result_path("tables/removal.csv"),
    message:
        "Compare close languages"
    shell:
        'python "$PROGRAMS"/kinship.py {params.languages} {params.regions} --removal {params.removal}'
        " --pairs {output.pairs} --output {output.tests} > {log} 2>&1"


rule claims:
    input:
        tables=rules.tables.output,
        kinship=rules.kinship.output,
        removal=plan.evidence(config)["removal"],
        direct=plan.evidence(config).get("direct", []),
        prompted=plan.evidence(config).get("prompted", []),
    output:
        report("<results>/tables/claims.csv", caption="../report/claims.rst", category="Tables"),
    log:
        "<logs>/claims.log",
    benchmark:
        "<benchmarks>/claims.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("claims"),
    params:
        code=programs.fingerprint("claims"),
        resources=programs.resources_fingerprint("paper/*.csv"),
        tables=result_path("tables"),
        evidence=lambda wildcards, input: flags(
            removal=list(input.removal), direct=list(input.direct), prompted=list(input.prompted)
        ),
    message:
        "Judge the claims"
    shell:
        'python "$PROGRAMS"/claims.py judge --tables {params.tables} {params.evidence} --output {output} > {log} 2>&1'


rule provenance:
    input:
        tables=rules.tables.output,
        kinship=rules.kinship.output,
        regions=rules.overlap.output,
        config=rules.settings.output,
        manifests=expand("<results>/corpora/{text}/manifest.json", text=corpora.texts(config)),
    output:
        "<results>/provenance.json",
    log:
        "<logs>/provenance.log",
    benchmark:
        "<benchmarks>/provenance.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("provenance"),
    params:
        code=programs.fingerprint("provenance"),
        options=FETCHED_MODEL,
    message:
        "Record the provenance"
    shell:
        'python "$PROGRAMS"/provenance.py record {params.options} --config {input.config} --manifests {input.manifests}'
        " --output {output} > {log} 2>&1"


rule figures:
    input:
        tables=rules.tables.output,
        kinship=rules.kinship.output,
        regions=rules.overlap.output,
    output:
        report(
            directory("<results>/figures"),
            patterns=["{figure}.svg"],
            caption="../report/figures.rst",
            category="Figures",
        ),
    log:
        "<logs>/figures.log",
    benchmark:
        "<benchmarks>/figures.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("figures"),
    params:
        code=programs.fingerprint("figures"),
        options=flags(languages=config["languages"], **config["figures"]),
        tables=result_path("tables"),
    message:
        "Draw the figures"
    shell:
        'python "$PROGRAMS"/figures.py {params.options} --tables {params.tables} --output {output} > {log} 2>&1'


rule report:
    input:
        config=rules.settings.output,
        provenance=rules.provenance.output,
        tables=rules.tables.output,
        kinship=rules.kinship.output,
        claims=rules.claims.output,
        regions=rules.overlap.output,
        figures=rules.figures.output,
        manifests=expand("<results>/corpora/{text}/manifest.json", text=corpora.texts(config)),
    output:
        report("<results>/report.html", caption="../report/report.rst", category="Report"),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../envs/programs.yaml"
    resources:
        **estimated_resources("report"),
    params:
        code=programs.fingerprint("report"),
        resources=programs.resources_fingerprint("languages.tsv", "paper/*.csv", "report/*"),
        options=flags(languages=config["languages"], evidence=plan.evaluation_folders(config)),
        model=constant(MODEL_NAME),
        tables=result_path("tables"),
    message:
        "Write the report"
    shell:
        'python "$PROGRAMS"/report.py write {params.options} {params.model} --config {input.config} --provenance {input.provenance}'
        " --tables {params.tables} --figures {input.figures} --manifests {input.manifests} --output {output} > {log} 2>&1"
