# Conditions and evaluations: the model, loaded once, intact or without a region and its controls, measured item by item.

CONDITIONS = plan.conditions(config)
PLANS = evaluations.planned(config)


rule evaluate:
    input:
        model=rules.base_model.output,
        regions=lambda wildcards: plan.regions(CONDITIONS[wildcards.conditions]),
        tests=[path for each in PLANS.values() for path in each.inputs],
    output:
        update(expand("<results>/evaluations/{evaluation}/{conditions}.parquet", evaluation=PLANS, allow_missing=True)),
    log:
        "<logs>/evaluate/{conditions}.log",
    benchmark:
        "<benchmarks>/evaluate/{conditions}.tsv"
    wildcard_constraints:
        conditions="|".join(map(re.escape, CONDITIONS)),
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **needs("evaluate"),
    params:
        code=programs.fingerprint("evaluate", *evaluations.modules(PLANS)),
        options=computing_flags(dtype=config["model"]["dtype"], **evaluations.options(PLANS)),
        conditions=lambda wildcards, input: flags(regions=list(input.regions), intact=not input.regions),
        checkpoints=at("checkpoints/evaluations/{conditions}"),
        output=at("evaluations"),
    message:
        "Evaluate: {wildcards.conditions}"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/evaluate.py {params.options} {params.conditions} --model {input.model}'
        " --checkpoints {params.checkpoints} --threads {threads}"
        " --output {params.output} --name {wildcards.conditions} 2>&1 | tee {log}"
