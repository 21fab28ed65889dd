# Linguistic regions of a language model: from text to the paper's tables.
#
#   snakemake --cores 2                                             the demo (config.yaml)
#   snakemake --cores all --configfile configs/smollm2-135m.yaml    another config, whose keys override config.yaml


configfile: f"{workflow.current_basedir}/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/terminal.smk"
include: "rules/start.smk"


container: environment.container_image(config["container"], ROOT)


pathvars:
    results=f"results/{config['run']}",
    logs=f"results/{config['run']}/logs",
    benchmarks=f"results/{config['run']}/benchmarks",


wildcard_constraints:
    language="|".join(config["languages"]),
    text="|".join(corpora.texts(config)),
    estimator="|".join(consistency.ESTIMATORS),
    arm="|".join(arms.ARMS),
    rate="[0-9.e-]+",
    seed="[0-9]+",


include: "rules/corpora.smk"
include: "rules/tokens.smk"
include: "rules/probes.smk"
include: "rules/models.smk"
include: "rules/importance.smk"
include: "rules/regions.smk"
include: "rules/evaluation.smk"
include: "rules/training.smk"
include: "rules/report.smk"


localrules:
    all,
    downloads,


rule all:
    default_target: True
    input:
        rules.samples.output,
        rules.tables.output,
        rules.overlap.output,
        rules.kinship.output,
        rules.claims.output,
        rules.figures.output,
        rules.provenance.output,
        rules.report.output,


rule downloads:  # everything that needs the network, to be run on a node with network access
    input:
        plan.downloads(config),
