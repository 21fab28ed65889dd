# Evaluation of the intact model, and of the model without a region and its controls. A job loads the model once.

CONDITIONS = plan.conditions(config)
PERTURBATIONS = plan.perturbations(config)
PLANS = evaluations.planned(config)


rule evaluate:
    input:
        model=rules.base_model.output,
        regions=lambda wildcards: plan.region_files(CONDITIONS[wildcards.conditions]),
        tests=input_files([path for each in PLANS.values() for path in each.inputs]),
    output:
        update(expand("<results>/evaluations/{evaluation}/{conditions}.parquet", evaluation=PLANS, allow_missing=True)),
    log:
        "<logs>/evaluate/{conditions}.log",
    benchmark:
        "<benchmarks>/evaluate/{conditions}.tsv"
    wildcard_constraints:
        conditions="|".join(map(re.escape, CONDITIONS)),
    priority: lambda wildcards: 2 if wildcards.conditions == "intact" else 0  # trainings begin with its evidence
    conda:
        "../envs/programs.yaml"
    threads: config["threads"]
    resources:
        **estimated_resources("evaluate"),
    params:
        code=programs.fingerprint("evaluate", *evaluations.modules(PLANS)),
        resources=programs.resources_fingerprint("questions/*.yaml"),
        options=constant(model_flags(dtype=config["model"]["dtype"], **evaluations.options(PLANS))),
        conditions=lambda wildcards, input: flags(
            regions=list(input.regions), intact=not input.regions, **PERTURBATIONS.get(wildcards.conditions, {})
        ),
        checkpoints=result_path("checkpoints/evaluations/{conditions}"),
        output=result_path("evaluations"),
    message:
        "Evaluate: {wildcards.conditions}"
    shell:
        'python "$PROGRAMS"/launch.py --gpus {resources.gpu} --gres={resources.gres}'
        ' "$PROGRAMS"/evaluate.py {params.options} {params.conditions} --model {input.model}'
        " --checkpoints {params.checkpoints} --threads {threads}"
        " --output {params.output} --name {wildcards.conditions} > {log} 2>&1"
